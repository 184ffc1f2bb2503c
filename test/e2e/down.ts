/**
 * npm run e2e:down: ends the cluster of up.ts and removes all that it made.
 *
 *     --keep   the state folder stays, so that `up` brings the same cluster back, as after a power cut
 */
import { parseArgs } from "node:util";
import { down } from "./cluster/cluster.ts";
import { program } from "./support/log.ts";

const { values } = parseArgs({ options: { keep: { type: "boolean", default: false } } });

await program(() => down({ isStateKept: values.keep }));
