/** What a backend reads when it opens: the format marker, the newest seal and all buckets, checked against each other. */
import { fromText, toText } from "../lib/bytes.ts";
import { crc32c } from "../lib/crc32c.ts";
import { Buckets } from "./buckets.ts";
import { damaged } from "./damage.ts";
import { bucketSpace, formatMarkerKey, RevisionKey, revisionSpace } from "./layout.ts";
import type { LevelStore } from "./level-store.ts";
import { backendFormatVersion, decodeSeal, type Seal } from "./seal.ts";

const markerName = "etcd-ts backend";
const markerBytes = markerName.length + 5;

/** Value of the format marker: | name | version u8 | crc32c u32 BE |. */
export function formatMarker(version: number = backendFormatVersion): Uint8Array {
  const bytes = new Uint8Array(markerBytes);
  bytes.set(fromText(markerName));
  bytes[markerName.length] = version;
  new DataView(bytes.buffer).setUint32(markerBytes - 4, crc32c(bytes.subarray(0, markerBytes - 4)));
  return bytes;
}

export interface LoadedState {
  readonly buckets: Buckets;
  readonly newest: NewestSeal | undefined;
}

export interface NewestSeal {
  readonly seal: Seal;
  readonly crc: number;
  /** Last record at or before this seal; (0, 0) when there is none. */
  readonly main: number;
  readonly sub: number;
}

/** Errors: CorruptionError; an Error for a directory that another program, or another version, wrote. */
export async function loadState(store: LevelStore): Promise<LoadedState> {
  const marker = store.get(formatMarkerKey);
  if (marker !== undefined) checkMarker(store.dir, marker);
  const newest = await newestSeal(store);
  const buckets = new Buckets();
  await store.readAll(bucketSpace, (key, value) => {
    const fault = buckets.load(key, value);
    if (fault !== undefined)
      throw damaged(store.dir, `bucket entry ${Buffer.from(key).toString("hex")}: ${fault}`);
  });
  if (marker === undefined) {
    if (newest === undefined && buckets.count === 0) return { buckets, newest };
    throw damaged(
      store.dir,
      "it holds data but no format marker: not a backend of etcd-ts, or its first batch was lost",
    );
  }
  const sealed = newest?.seal;
  if (sealed === undefined) throw damaged(store.dir, "it has a format marker but no seal");
  if (buckets.count !== sealed.bucketEntries || buckets.sum !== sealed.bucketsSum) {
    throw damaged(
      store.dir,
      `the buckets, ${buckets.count} entries, are not those of seal ${sealed.sequence}, ` +
        `${sealed.bucketEntries} entries`,
    );
  }
  return { buckets, newest };
}

function checkMarker(dir: string, marker: Uint8Array): void {
  const version = marker[markerName.length] ?? 0;
  const view = new DataView(marker.buffer, marker.byteOffset, marker.byteLength);
  const isSound =
    marker.length === markerBytes &&
    view.getUint32(markerBytes - 4) === crc32c(marker.subarray(0, markerBytes - 4)) &&
    toText(marker.subarray(0, markerName.length)) === markerName;
  if (!isSound) throw damaged(dir, "its format marker is damaged");
  if (version !== backendFormatVersion) {
    throw new Error(
      `backend ${dir} has format version ${version}; this version of etcd-ts reads ${backendFormatVersion}`,
    );
  }
}

async function newestSeal(store: LevelStore): Promise<NewestSeal | undefined> {
  const last = await store.last(revisionSpace);
  if (last === undefined) return undefined;
  const key = new RevisionKey();
  if (!key.parse(last[0])) throw damaged(store.dir, "its last key is unknown");
  if (!key.isSeal)
    throw damaged(store.dir, `revision ${key.main}/${key.sub} lies after the last seal`);
  const decoded = decodeSeal(fromText(last[0]), last[1]);
  if (typeof decoded === "string") throw damaged(store.dir, `seal ${key.sequence}: ${decoded}`);
  if (decoded.seal.sequence !== key.sequence)
    throw damaged(store.dir, `seal ${key.sequence} stands under another's key`);
  return { seal: decoded.seal, crc: decoded.crc, main: key.main, sub: key.sub };
}
