/**
 * /debug/vars in the form of Go's expvar, with etcd's variables (server/etcdserver: server.go, raft.go). What differs is memstats: the
 * figures are V8's and Node.js's, so they have their names, and none of Go's is made up.
 */
import { readFileSync } from "node:fs";
import { getHeapStatistics } from "node:v8";
import { answer } from "../lib/http-answers.ts";
import { idToHex } from "../lib/units.ts";
import type { Member } from "../server/member.ts";
import { shownCommandLine } from "./command-line.ts";
import type { Routes } from "./routes.ts";

export interface DebugVarsOptions {
  readonly member: Pick<Member, "raftStatus">;
  /** Shown without its secrets. */
  readonly commandLine: readonly string[];
}

export function debugVarsRoutes({ member, commandLine }: DebugVarsOptions): Routes {
  const shown = shownCommandLine(commandLine);
  // Of the process for its whole life.
  const fileLimit = fileDescriptorLimit();
  const vars = (): Record<string, unknown> => ({
    cmdline: shown,
    file_descriptor_limit: fileLimit,
    memstats: memoryStatistics(),
    "raft.status": raftStatus(member.raftStatus),
  });
  return new Map([
    [
      "/debug/vars",
      { answer: (_query, response) => answer(response, contentType, expvarText(vars())) },
    ],
  ]);
}

const contentType = "application/json; charset=utf-8";

/** A variable a line, as expvar prints them; the whole is JSON. */
function expvarText(vars: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(vars).map(
    ([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`,
  );
  return `{\n${lines.join(",\n")}\n}\n`;
}

/** Bytes and counts by the names of process.memoryUsage and v8.getHeapStatistics. */
const memoryStatistics = (): Record<string, unknown> => ({
  ...process.memoryUsage(),
  v8: getHeapStatistics(),
});

/** 0 where the system does not tell. */
function fileDescriptorLimit(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

const roleNames = {
  follower: "StateFollower",
  preCandidate: "StatePreCandidate",
  candidate: "StateCandidate",
  leader: "StateLeader",
} as const;

const progressNames = {
  probe: "StateProbe",
  replicate: "StateReplicate",
  snapshot: "StateSnapshot",
} as const;

/** As raft.Status prints itself: ids in hex, progress on the leader only. */
function raftStatus(status: Member["raftStatus"]): Record<string, unknown> {
  const { id, term, vote, committed, lead, role, applied, leadTransferee } = status;
  const progress = status.progress.map(({ id: peer, match, next, state }) => [
    idToHex(peer),
    { match, next, state: progressNames[state] },
  ]);
  return {
    id: idToHex(id),
    term,
    vote: idToHex(vote),
    commit: committed,
    lead: idToHex(lead),
    raftState: roleNames[role],
    applied,
    progress: Object.fromEntries(progress),
    leadtransferee: idToHex(leadTransferee),
  };
}
