/**
 * Checks the files of a LevelDB directory before LevelDB opens it. LevelDB verifies little (DESIGN section 2, rule 3): it drops what
 * it cannot read from its logs, serves damaged blocks, aborts the process on some, and deletes what a damaged manifest does not name.
 * Nothing is changed here.
 */
import type { Fs } from "../lib/ports.ts";
import { readLevelLog } from "./level-log.ts";
import { type Manifest, readManifest } from "./level-manifest.ts";
import { tableFault } from "./table-check.ts";

/** What is wrong, with the file's name; or undefined, also for a directory in which LevelDB never finished its creation. */
export async function levelFault(fs: Fs, dir: string): Promise<string | undefined> {
  const names = await fs.readDir(dir);
  if (!names.includes("CURRENT")) {
    const left = names.find((name) => fileNumber(name) !== undefined);
    return left === undefined ? undefined : `the file CURRENT is missing but ${left} is there`;
  }
  const manifest = await currentManifest(fs, dir);
  if (typeof manifest === "string") return manifest;
  for (const [number, size] of manifest.tables) {
    const name = tableName(names, number);
    if (name === undefined) return `table ${number} is missing`;
    const bytes = await fs.readFile(`${dir}/${name}`);
    const fault = bytes.length === size ? tableFault(bytes) : `${bytes.length} bytes, not ${size}`;
    if (fault !== undefined) return `table ${name}: ${fault}`;
  }
  return logsFault(fs, dir, liveLogs(names, manifest), manifest);
}

/** The manifest that CURRENT names, or what is wrong. */
async function currentManifest(fs: Fs, dir: string): Promise<Manifest | string> {
  const text = Buffer.from(await fs.readFile(`${dir}/CURRENT`)).toString("latin1");
  if (!/^MANIFEST-\d{6,}\n$/.test(text)) return "the file CURRENT is damaged";
  const name = text.trim();
  if (!(await fs.exists(`${dir}/${name}`))) return `${name}, which CURRENT names, is missing`;
  const manifest = readManifest(await fs.readFile(`${dir}/${name}`));
  return typeof manifest === "string" ? `${name}: ${manifest}` : manifest;
}

/** Only the newest log may end with a batch that was interrupted: it is begun when the one before is complete and synced. */
async function logsFault(
  fs: Fs,
  dir: string,
  logs: readonly string[],
  manifest: Manifest,
): Promise<string | undefined> {
  // The manifest names a log only after its creation, and syncing the manifest syncs the directory.
  const first = logs[0];
  if (manifest.logNumber > 0 && (first === undefined || fileNumber(first) !== manifest.logNumber))
    return `log ${manifest.logNumber} is missing`;
  for (const name of logs) {
    const fault = readLevelLog(await fs.readFile(`${dir}/${name}`));
    if (fault !== undefined && (fault.kind === "damaged" || name !== logs.at(-1)))
      return `log ${name}: ${fault.what}`;
  }
  return undefined;
}

/** Names of the logs that LevelDB will replay, in order. */
function liveLogs(names: readonly string[], { logNumber }: Manifest): string[] {
  const number = (name: string): number => fileNumber(name) as number;
  return names
    .filter((name) => name.endsWith(".log") && (fileNumber(name) ?? -1) >= logNumber)
    .sort((a, b) => number(a) - number(b));
}

function tableName(names: readonly string[], number: number): string | undefined {
  return names.find((name) => !name.endsWith(".log") && fileNumber(name) === number);
}

/** Of a log or a table; undefined for all other files. */
function fileNumber(name: string): number | undefined {
  const match = /^(\d+)\.(?:log|ldb|sst)$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}
