/** Behaviour written down as scripts, one test each: see runner.ts for their form and `npm run test:rewrite`. */
import { confchangeSuite } from "./confchange/suite.ts";
import { quorumSuite } from "./quorum/suite.ts";
import { raftSuite } from "./raft/suite.ts";
import { registerScripts } from "./runner.ts";

registerScripts(quorumSuite);
registerScripts(confchangeSuite);
registerScripts(raftSuite);
