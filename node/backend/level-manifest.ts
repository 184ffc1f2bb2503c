/**
 * What LevelDB's manifest says: which tables, and which logs, make up the store. A log (level-log.ts) of edits, each a list of fields:
 *
 *   | varint tag | tag's content |
 *   1 comparator: bytes        2 log number: varint        3 next file: varint        4 last sequence: varint
 *   5 compaction pointer: varint level, bytes key          6 deleted table: varint level, varint number
 *   7 new table: varint level, varint number, varint size, bytes smallest, bytes largest         9 previous log: varint
 *   bytes: varint length, then so many
 *
 * Source: doc/impl.md of LevelDB and db/version_edit.cc.
 */
import { readLevelLog } from "./level-log.ts";

const tag = {
  comparator: 1,
  logNumber: 2,
  nextFile: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedTable: 6,
  newTable: 7,
  previousLog: 9,
} as const;

export interface Manifest {
  /** Sizes of the live tables in bytes, by their numbers. */
  readonly tables: ReadonlyMap<number, number>;
  /** Logs from this one on are live; 0 in a store whose creation was interrupted. */
  readonly logNumber: number;
}

/** The manifest, or what is wrong with it. An edit that a power cut interrupted is left out, as LevelDB does. */
export function readManifest(bytes: Uint8Array): Manifest | string {
  const tables = new Map<number, number>();
  const state = { tables, logNumber: 0 };
  let edits = 0;
  let problem: string | undefined;
  const fault = readLevelLog(bytes, (record) => {
    edits++;
    if (problem === undefined && !new Edit(record).apply(state)) problem = "an unknown edit";
  });
  if (fault?.kind === "damaged") return fault.what;
  // The first edit is synced before CURRENT names the manifest.
  if (edits === 0) return "it holds no whole edit";
  return problem ?? state;
}

/** Applies one edit. Reading beyond its end yields undefined, which makes it unknown. */
class Edit {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** False when it is none that we know. */
  apply(state: { readonly tables: Map<number, number>; logNumber: number }): boolean {
    while (this.at < this.bytes.length) {
      switch (this.varint()) {
        case tag.comparator:
          this.skipBytes();
          break;
        case tag.logNumber:
          state.logNumber = this.varint();
          break;
        case tag.nextFile:
        case tag.lastSequence:
        case tag.previousLog:
          this.varint();
          break;
        case tag.compactPointer:
          this.varint();
          this.skipBytes();
          break;
        case tag.deletedTable:
          this.varint();
          state.tables.delete(this.varint());
          break;
        case tag.newTable: {
          this.varint();
          const table = this.varint();
          state.tables.set(table, this.varint());
          this.skipBytes();
          this.skipBytes();
          break;
        }
        default:
          return false;
      }
    }
    return this.at === this.bytes.length;
  }

  private skipBytes(): void {
    const length = this.varint();
    this.at += length;
  }

  /** NaN at the end of the bytes, which ends the edit as unknown. */
  private varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 56; scale *= 128) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    this.at = Number.NaN;
    return Number.NaN;
  }
}
