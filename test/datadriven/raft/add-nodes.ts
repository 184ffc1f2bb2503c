/**
 * `add-nodes voters=(1,2,3) learners=(4) joiners=(5)`: members whose log is compacted up to 1/2 at a state without keys, and nodes that were
 * not told of any configuration. Further options are the fields of RaftConfig.
 */
import { logIndex, type MemberId, term } from "../../../node/lib/units.ts";
import type { ConfState } from "../../../node/raft/types.ts";
import type { Command } from "../command.ts";
import type { Handler } from "../runner.ts";
import { type Cluster, idOf } from "./cluster.ts";
import { type LabConfig, LabNode } from "./lab-node.ts";

const nobody: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

export const addNodes: Handler<Cluster> = (cluster, command) => {
  const ids = (key: string): MemberId[] => command.list(key).map(idOf);
  const confState = {
    voters: ids("voters"),
    learners: ids("learners"),
    votersOutgoing: ids("outgoing"),
    learnersNext: ids("learners-next"),
    autoLeave: command.flag("auto-leave"),
  };
  const { voters, votersOutgoing, learners } = confState;
  const common = readConfig(command);
  const add = (id: MemberId, index: number, state: ConfState): void => {
    const random = { uint32: () => cluster.luck.get(id) ?? Number(id) - 1 };
    const snapshot = { index: logIndex(index), term: term(index > 0 ? 1 : 0), confState: state };
    cluster.nodes.set(id, new LabNode({ ...common, id, random }, snapshot));
  };
  for (const id of new Set([...voters, ...votersOutgoing, ...learners])) add(id, 2, confState);
  for (const id of ids("joiners")) add(id, 0, nobody);
  cluster.news();
  return [];
};

function readConfig(command: Command): Omit<LabConfig, "id" | "random"> {
  return {
    electionTicks: command.number("election", 10),
    heartbeatTicks: command.number("heartbeat", 1),
    committedPerReadyMax: command.number("committed-per-ready", 1000),
    messageBytesMax: command.number("message-bytes", 1_000_000),
    inflightMessagesMax: command.number("inflight-messages", 100),
    inflightBytesMax: command.number("inflight-bytes", Infinity),
    uncommittedBytesMax: command.number("uncommitted-bytes", Infinity),
    checkQuorum: command.flag("check-quorum"),
    preVote: command.flag("pre-vote"),
    stepDownOnRemoval: !command.flag("no-step-down"),
  };
}
