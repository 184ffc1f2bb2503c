/**
 * What the power-cut and the kill rig share: options, starting a member, checking one that has recovered, what is printed.
 */
import { readFileSync } from "node:fs";
import type { History, Violation } from "../support/history.ts";
import { type FoundKey, KvConnection } from "../support/kv-connection.ts";
import { freePort, type ServerCommand, ServerProcess } from "../support/server-process.ts";

export interface RigOptions {
  readonly server: ServerCommand;
  readonly seed: number;
  readonly writers: number;
  /** Images, data directories and logs of this run; kept when a check fails. */
  readonly workDirectory: string;
  readonly imageMebibytes: number;
  /** A mechanism of the server to be broken on purpose (ETCD_TS_TEST_FAULT). */
  readonly fault?: string;
  readonly print: (line: string) => void;
}

/** One cut or kill, as a row of the summary. */
export interface Round {
  readonly number: number;
  readonly seed: number;
  readonly how: string;
  readonly acknowledged: number;
  readonly keys: number;
  readonly replayed: string;
  readonly recoveryMs: number;
  readonly totalMs: number;
  readonly violations: readonly Violation[];
  /** The member did not come up, or stopped while it was checked. */
  readonly error?: string;
}

export interface Recovered {
  readonly state: { revision: number; keys: Map<string, FoundKey> };
  readonly violations: Violation[];
}

/** Short snapshots and logs: what happens once a day in production happens every second here. */
const memberFlags = ["--snapshot-count=500", "--max-wals=1", "--log-level=info"];
const memberEnvironment = {
  // Etcd ignores both.
  ETCD_TS_TEST_SEGMENT_BYTES: String(64 * 1024),
  ETCD_TS_TEST_WRITE_BUFFER_BYTES: String(64 * 1024),
};

export interface Ports {
  readonly client: number;
  readonly peer: number;
}

export async function choosePorts(): Promise<Ports> {
  return { client: await freePort(), peer: await freePort() };
}

/** `advertised`: the peer port the cluster was made with. */
export function startMember(
  options: RigOptions,
  where: { dataDirectory: string; logFile: string; ports: Ports; advertised: Ports },
): ServerProcess {
  const fault = options.fault === undefined ? {} : { ETCD_TS_TEST_FAULT: options.fault };
  return new ServerProcess({
    command: options.server,
    dataDirectory: where.dataDirectory,
    logFile: where.logFile,
    clientPort: where.ports.client,
    peerPort: where.ports.peer,
    advertisedPeerPort: where.advertised.peer,
    flags: memberFlags,
    environment: { ...memberEnvironment, ...fault },
  });
}

/** Reads everything from a recovered member, checks it, and sees that the member still takes writes. */
export async function checkRecovered(
  address: string,
  history: History,
  crashMs: number,
): Promise<Recovered> {
  const connection = new KvConnection(address);
  try {
    const state = await connection.everything();
    return { state, violations: history.check(state, crashMs) };
  } finally {
    connection.close();
  }
}

/** A write and its deletion, which raise the revision by two and leave no key. */
export async function proveWritable(address: string, revision: number): Promise<void> {
  const connection = new KvConnection(address);
  try {
    const written = await connection.put("probe", "probe");
    const deleted = await connection.deleteKey("probe");
    if (written !== revision + 1 || deleted !== revision + 2) {
      throw new Error(`after revision ${revision} two writes were given ${written} and ${deleted}`);
    }
  } finally {
    connection.close();
  }
}

/** Log entries that the last start in this log replayed into the backend; "-" when the log does not say. */
export function replayedEntries(logFile: string): string {
  const log = readFileSync(logFile, "utf8");
  const last = (name: string): number | undefined => {
    const found = [...log.matchAll(new RegExp(`"${name}":"?(\\d+)`, "g"))].at(-1)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const told = last("replayed-entries");
  if (told !== undefined) return String(told);
  const [commit, consistent] = [
    last("commit-index"),
    last("current-consistent-index") ?? last("consistentIndex"),
  ];
  return commit === undefined || consistent === undefined
    ? "-"
    : String(Math.max(0, commit - consistent));
}

export function isFailed(round: Round): boolean {
  return round.error !== undefined || round.violations.length > 0;
}

const columns = [
  "#",
  "seed",
  "crash",
  "acked",
  "keys",
  "replayed",
  "recovery ms",
  "total ms",
  "result",
];
const widths = [4, 11, 22, 8, 7, 9, 12, 9, 0];

export const roundHeader = (): string => row(columns);

export function roundLine(round: Round): string {
  const {
    number,
    seed,
    how,
    acknowledged,
    keys,
    replayed,
    recoveryMs,
    totalMs,
    violations,
    error,
  } = round;
  const result =
    error !== undefined ? "FAILED" : violations.length > 0 ? `${violations.length} LOST` : "ok";
  const times = [recoveryMs, totalMs].map((ms) => ms.toFixed(0));
  return row([number, seed, how, acknowledged, keys, replayed, ...times, result].map(String));
}

const row = (cells: readonly string[]): string =>
  cells
    .map((cell, at) => cell.padEnd(widths[at] ?? 0))
    .join(" ")
    .trimEnd();

/** What exactly is wrong, at most twenty violations in full. */
export function explain(round: Round, keptIn: string): string {
  const lines = [
    `round ${round.number} (seed ${round.seed}) failed; everything is kept in ${keptIn}`,
  ];
  if (round.error !== undefined) lines.push(round.error);
  for (const violation of round.violations.slice(0, 20)) {
    const { what, keys, acknowledgedRevision, acknowledgedMsBeforeCrash, expected, found } =
      violation;
    const told =
      acknowledgedMsBeforeCrash === undefined
        ? ""
        : ` (revision ${acknowledgedRevision}, acknowledged ${acknowledgedMsBeforeCrash.toFixed(1)} ms before the crash)`;
    lines.push(
      `  ${what}: ${keys.join(" ")}${told}`,
      `    expected ${expected}`,
      `    found    ${found}`,
    );
  }
  if (round.violations.length > 20) lines.push(`  and ${round.violations.length - 20} more`);
  return lines.join("\n");
}

/** Totals over all rounds, the last thing a run prints. */
export function summary(rounds: readonly Round[]): string {
  const failed = rounds.filter(isFailed);
  const sum = (pick: (round: Round) => number): number =>
    rounds.reduce((total, round) => total + pick(round), 0);
  const sorted = rounds.map(({ recoveryMs }) => recoveryMs).sort((a, b) => a - b);
  const lost = sum(({ violations }) => violations.length);
  return [
    `${rounds.length} crashes, ${failed.length} failed (${lost} violations), ${rounds.at(-1)?.acknowledged ?? 0} acknowledged writes,`,
    `recovery median ${(sorted[sorted.length >> 1] ?? 0).toFixed(0)} ms, longest ${(sorted.at(-1) ?? 0).toFixed(0)} ms,`,
    `${(sum(({ totalMs }) => totalMs) / 1000).toFixed(0)} s`,
  ].join(" ");
}
