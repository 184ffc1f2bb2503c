/** Whole clusters of raft nodes, without clock, disk and network: each verb moves a little. */
import type { Suite } from "../runner.ts";
import { addNodes } from "./add-nodes.ts";
import { Cluster } from "./cluster.ts";
import { deliverMessages, messages } from "./deliver-messages.ts";
import { compact, heal, partition, restart } from "./fate.ts";
import { raftLog, state, status } from "./look.ts";
import { apply, processReady, sync } from "./process-ready.ts";
import { propose } from "./propose.ts";
import { proposeConfChange } from "./propose-conf-change.ts";
import { stabilize } from "./stabilize.ts";
import { luck, run, tick } from "./tick.ts";
import {
  campaign,
  forgetLeader,
  readIndex,
  reportSnapshot,
  reportUnreachable,
  transferLeadership,
} from "./wishes.ts";

export const raftSuite: Suite<Cluster> = {
  folder: "raft",
  handlers: {
    "add-nodes": addNodes,
    apply,
    campaign,
    compact,
    "deliver-messages": deliverMessages,
    "forget-leader": forgetLeader,
    heal,
    luck,
    messages,
    partition,
    "process-ready": processReady,
    propose,
    "propose-conf-change": proposeConfChange,
    "raft-log": raftLog,
    "read-index": readIndex,
    "report-snapshot": reportSnapshot,
    "report-unreachable": reportUnreachable,
    restart,
    run,
    stabilize,
    state,
    status,
    sync,
    tick,
    "transfer-leadership": transferLeadership,
  },
  newWorld: () => new Cluster(),
};
