/**
 * Gives a member other data than the rest of its cluster has, as a bug in it could: its backend is written anew with one value changed and every sum
 * right, so that nothing shows when it starts. The member must not run.
 */
import { chownSync, lstatSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Backend, BucketName, RecordKind } from "../../../node/backend/backend.ts";
import { LevelBackend } from "../../../node/backend/level-backend.ts";
import { SystemTimers } from "../../../node/lib/platform/clock.ts";
import { SystemFs } from "../../../node/lib/platform/fs.ts";
import type { Logger } from "../../../node/lib/ports.ts";
import type { Revision } from "../../../node/lib/units.ts";

const bucketNames: readonly BucketName[] = [
  "meta",
  "lease",
  "alarm",
  "cluster",
  "members",
  "members_removed",
  "auth",
  "authUsers",
  "authRoles",
];

/** Whoever has this value is given another of the same length. */
export interface Forgery {
  readonly from: string;
  readonly to: string;
}

interface Record {
  readonly main: Revision;
  readonly sub: number;
  readonly kind: RecordKind;
  readonly bytes: Buffer;
}

/** `dataDir`: the member's. Throws when no record holds `from`, or several do. */
export async function forgeData(dataDir: string, { from, to }: Forgery): Promise<void> {
  if (from.length !== to.length) throw new Error("a forged value has the length of the real one");
  const live = join(dataDir, "member/backend");
  const forged = join(dataDir, "member/forged");
  const options = { fs: new SystemFs(), timers: new SystemTimers(), logger: silent };
  const source = await LevelBackend.open(live, options);
  const target = await LevelBackend.open(forged, options);
  try {
    const found = await copyForged(source, target, { from, to });
    if (found !== 1) throw new Error(`${found} records hold ${from}`);
  } finally {
    await target.close();
    await source.close();
  }
  const { uid, gid } = lstatSync(live);
  for (const name of readdirSync(forged)) chownSync(join(forged, name), uid, gid);
  chownSync(forged, uid, gid);
  rmSync(live, { recursive: true });
  renameSync(forged, live);
}

/** Returns how many records were changed. */
async function copyForged(
  source: Backend,
  target: Backend,
  { from, to }: Forgery,
): Promise<number> {
  const records: Record[] = [];
  await source.scan((main, sub, kind, bytes, start, end) => {
    records.push({ main, sub, kind, bytes: Buffer.from(bytes.subarray(start, end)) });
  });
  let found = 0;
  for (const { main, sub, kind, bytes } of records) {
    const at = bytes.indexOf(from);
    if (at >= 0) bytes.write(to, at);
    found += at >= 0 ? 1 : 0;
    target.append(main, sub, kind, bytes, 0, bytes.length);
  }
  for (const bucket of bucketNames)
    for (const { key, value } of source.entries(bucket)) target.put(bucket, key, value);
  await new Promise<void>((resolve, reject) => {
    target.commit(source.committed, (error) => (error === null ? resolve() : reject(error)));
  });
  return found;
}

const nothing = (): void => undefined;
const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
