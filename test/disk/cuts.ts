/**
 * Logs of a killed member, cut in many ways, and real starts on them. A copy of its directory gets one cut:
 *
 *   truncate  the last log file ends at a random byte
 *   earlier   so does a file before it
 *   torn      another write stands at the log's end, of which a random choice of sectors has arrived (what a power cut leaves)
 *
 * Then the member must serve every acknowledged write, or refuse with the file and the place; after `torn` it must serve.
 */
import { cp, open, readdir, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SystemFs } from "../../node/lib/platform/fs.ts";
import type { LogIndex, MemberId, Term } from "../../node/lib/units.ts";
import { encodeInternalRaft, internalRequest } from "../../node/proto/internal-raft-codec.ts";
import { Writer } from "../../node/proto/wire.ts";
import type { RecordView } from "../../node/wal/record.ts";
import { RecordEncoder } from "../../node/wal/record-encoder.ts";
import { emptyHardState, Replay } from "../../node/wal/replay.ts";
import { readSegments, type Tail } from "../../node/wal/segment-reader.ts";
import {
  checkRecovered,
  choosePorts,
  type Ports,
  type RigOptions,
  startMember,
} from "../power/rig.ts";
import { Workload } from "../power/workload.ts";
import { History } from "../support/history.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { encodePut } from "../unit/apply/apply-lab.ts";
import { errorLines } from "./start.ts";

const modes = ["truncate", "torn", "truncate", "torn", "earlier"] as const;
type Mode = (typeof modes)[number];

const cutsPerLoad = 10;
const sectorBytes = 512;
/** How far from the end of the log a file is cut. */
const reachBytes = 64 * 1024;

export interface Cut {
  readonly number: number;
  readonly mode: Mode;
  /** Which file was cut, and where. */
  readonly place: string;
  readonly acknowledged: number;
  readonly outcome: "served" | "refused" | "FAILED";
  /** What the member said when it refused, or what is wrong. */
  readonly said: string;
}

/** Runs until `count` cuts were made or one failed. */
export async function runCuts(options: RigOptions, count: number): Promise<Cut[]> {
  const random = new SeededRandom(options.seed);
  const cuts: Cut[] = [];
  for (let load = 0; cuts.length < count; load++) {
    const killed = await killUnderLoad(options, load, random);
    for (let at = 0; at < cutsPerLoad && cuts.length < count; at++) {
      const mode = modes[at % modes.length] as Mode;
      const cut = await oneCut(options, killed, { number: cuts.length + 1, mode }, random);
      cuts.push(cut);
      options.print(cutLine(cut));
      if (cut.outcome === "FAILED") return cuts;
    }
    await rm(killed.directory, { recursive: true });
  }
  return cuts;
}

interface Killed {
  readonly directory: string;
  readonly history: History;
  readonly crashMs: number;
  readonly ports: Ports;
}

async function killUnderLoad(
  options: RigOptions,
  load: number,
  random: SeededRandom,
): Promise<Killed> {
  const directory = join(options.workDirectory, `load-${load}`);
  const history = new History();
  const seed = options.seed + load;
  const workload = new Workload(history, { writers: options.writers, seed });
  const ports = await choosePorts();
  const logFile = join(options.workDirectory, `load-${load}.log`);
  const where = { dataDirectory: directory, logFile, ports, advertised: ports };
  const member = startMember(options, where);
  try {
    await member.ready();
    workload.start(member.address);
    await sleep(100 + random.below(1200));
    const crashMs = performance.now();
    await member.stop("SIGKILL");
    await workload.stop();
    return { directory, history, crashMs, ports };
  } finally {
    await member.stop("SIGKILL");
  }
}

async function oneCut(
  options: RigOptions,
  killed: Killed,
  cut: Pick<Cut, "number" | "mode">,
  random: SeededRandom,
): Promise<Cut> {
  const directory = join(options.workDirectory, `cut-${cut.number}`);
  const logFile = `${directory}.log`;
  await cp(killed.directory, directory, { recursive: true });
  const place = await makeCut(join(directory, "member/wal"), cut.mode, random);
  const acknowledged = killed.history.acknowledgedCount;
  const result = await startOn(options, killed, { directory, logFile, mode: cut.mode });
  if (result.outcome !== "FAILED") await rm(directory, { recursive: true });
  return { ...cut, place, acknowledged, ...result };
}

interface CutPlace {
  readonly directory: string;
  readonly logFile: string;
  readonly mode: Mode;
}

async function startOn(
  options: RigOptions,
  killed: Killed,
  cut: CutPlace,
): Promise<Pick<Cut, "outcome" | "said">> {
  const { directory, logFile } = cut;
  const where = { dataDirectory: directory, logFile, ports: await choosePorts() };
  const member = startMember(options, { ...where, advertised: killed.ports });
  try {
    const result = await judge(member, killed, cut);
    // Another program took the port in between: the cut itself has not been tried.
    if (!result.said.includes("EADDRINUSE")) return result;
  } finally {
    await member.stop("SIGKILL");
  }
  await rm(logFile);
  return startOn(options, killed, cut);
}

async function judge(
  member: ServerProcess,
  { history, crashMs }: Killed,
  { logFile, mode }: CutPlace,
): Promise<Pick<Cut, "outcome" | "said">> {
  try {
    await member.ready();
  } catch (error) {
    const lines = errorLines(logFile);
    const [line = String(error)] = lines;
    const isClear =
      member.end === "exited with code 1" &&
      lines.length === 1 &&
      /[.]wal (is corrupt|has \d+ bytes).* at offset \d+/.test(line);
    const said = (/"error":"([^"]*)"/.exec(line)?.[1] ?? line).slice(0, 160);
    return { outcome: isClear && mode !== "torn" ? "refused" : "FAILED", said };
  }
  const { violations } = await checkRecovered(member.address, history, crashMs);
  const [first] = violations;
  return first === undefined
    ? { outcome: "served", said: "" }
    : { outcome: "FAILED", said: `${first.what}: ${first.keys.join(" ")}` };
}

/** Returns file and offset. */
async function makeCut(walDir: string, mode: Mode, random: SeededRandom): Promise<string> {
  const names = (await readdir(walDir)).filter((name) => name.endsWith(".wal")).sort();
  const paths = names.map((name) => join(walDir, name));
  const replay = new Replay({ index: firstIndexOf(names[0]), term: emptyHardState.term });
  const tail = await readSegments(new SystemFs(), paths, looseVisit(replay));
  let path = tail.path;
  let at: number;
  if (mode === "torn") {
    at = await tear(tail, replay, random);
  } else {
    if (mode === "earlier" && paths.length > 1) path = random.pick(paths.slice(0, -1));
    const end = path === tail.path ? tail.end : (await new SystemFs().readFile(path)).length;
    at = end - 1 - random.below(Math.min(end - 1, reachBytes));
    await truncate(path, at);
  }
  return `${path.slice(path.lastIndexOf("/") + 1)}:${at}`;
}

const firstIndexOf = (name = ""): LogIndex =>
  Math.max(0, Number.parseInt(name.slice(17, 33), 16) - 1) as LogIndex;

/** Only term and index of the last entry are wanted; the log may begin anywhere. */
function looseVisit(replay: Replay) {
  return (buffer: Buffer, record: RecordView): void => {
    try {
      replay.visit(buffer, record);
    } catch {
      // A log whose first files were released begins in the middle.
    }
  };
}

/** Puts another write behind the log's end, of which only some sectors have arrived: never the whole, never nothing. */
async function tear(tail: Tail, replay: Replay, random: SeededRandom): Promise<number> {
  const last = replay.entries.at(-1);
  const encoder = new RecordEncoder(tail.crc);
  const term = (last?.term ?? 1) as Term;
  const index = (last?.index ?? 0) + 1;
  for (let n = 0; n < 1 + random.below(6); n++) {
    const data = harmlessRequest(random.below(2000));
    encoder.entry({ term, index: (index + n) as LogIndex, type: 0, data });
  }
  encoder.state({ term, vote: 0n as MemberId, commit: index as LogIndex });
  const bytes = encoder.bytes.slice(0, encoder.length);
  const firstSector = Math.floor(tail.end / sectorBytes);
  const sectors = Math.ceil((tail.end + bytes.length) / sectorBytes) - firstSector;
  const lost = random.below(sectors);
  for (let sector = 0; sector < sectors; sector++) {
    if (sector !== lost && random.chance(0.5)) continue;
    const start = (firstSector + sector) * sectorBytes - tail.end;
    bytes.fill(0, Math.max(0, start), Math.min(bytes.length, start + sectorBytes));
  }
  const file = await open(tail.path, "r+");
  await file.write(bytes, 0, bytes.length, tail.end);
  await file.close();
  return tail.end;
}

/** A Put that is refused when it is applied, as its lease is unknown: entries of a torn write may arrive whole, and then count. */
function harmlessRequest(valueBytes: number): Uint8Array {
  const put = encodePut("torn", "v".repeat(valueBytes), { lease: 9n });
  const out = new Writer();
  encodeInternalRaft(out, 1, 1, internalRequest.put, put, 0, put.length);
  return out.finish();
}

const widths = [4, 9, 52, 8, 8, 0];
const row = (cells: readonly string[]): string =>
  cells
    .map((cell, at) => cell.padEnd(widths[at] ?? 0))
    .join(" ")
    .trimEnd();

export const cutHeader = (): string => row(["#", "cut", "at", "acked", "result", "said"]);

const cutLine = ({ number, mode, place, acknowledged, outcome, said }: Cut): string =>
  row([String(number), mode, place, String(acknowledged), outcome, said]);

export function cutSummary(cuts: readonly Cut[]): string {
  const count = (outcome: Cut["outcome"]): number =>
    cuts.filter((cut) => cut.outcome === outcome).length;
  const failed = count("FAILED");
  return `${cuts.length} cuts: ${count("served")} served everything acknowledged, ${count("refused")} refused with file and offset, ${failed} failed`;
}
