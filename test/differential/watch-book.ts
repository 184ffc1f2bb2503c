/** What the watches of the random streams must have got: counted from the whole history, which one watch of everything has brought. */
import { compareBytes } from "../../node/lib/bytes.ts";
import type { Message } from "./operations.ts";
import type { WatchPair } from "./watch-pair.ts";
import { eventOf } from "./watch-record.ts";

interface Wanted {
  readonly key: Buffer;
  readonly end: Buffer | undefined;
  /** As asked. */
  readonly start: number;
  /** The first revision that it gets. */
  readonly from: number;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  /** Events of the history that were looked at. */
  seen: number;
  count: number;
}

export class WatchBook {
  private readonly history: ReturnType<typeof eventOf>[] = [];
  private readonly wanted = new Map<WatchPair, (Wanted | "compacted")[]>();

  /** From a text of the watch of everything. */
  remember(text: string): void {
    this.history.push(eventOf(text));
  }

  /** The newest event that a watch of its key from its revision on is sure to get. */
  newest(compacted: number): { readonly key: Buffer; readonly revision: number } | undefined {
    return this.history.findLast(
      ({ revision, isDelete }) => revision > compacted || (revision === compacted && !isDelete),
    );
  }

  /** A watch was created on the stream, when the store was at these revisions. */
  created(pair: WatchPair, request: Message, at: { current: number; compacted: number }): void {
    const start = Number(request["start_revision"] ?? 0);
    const all = this.wanted.get(pair) ?? [];
    this.wanted.set(pair, all);
    if (start > 0 && start < at.compacted) {
      all.push("compacted");
      return;
    }
    const filters = (request["filters"] ?? []) as readonly number[];
    all.push({
      ...rangeOf(request),
      start,
      from: start === 0 ? at.current + 1 : start,
      noPut: filters.includes(0),
      noDelete: filters.includes(1),
      seen: 0,
      count: 0,
    });
  }

  /** Resolves when the watches of the stream have, on both sides, what they must have by now. */
  async settled(pair: WatchPair): Promise<void> {
    const all = this.wanted.get(pair) ?? [];
    for (const wanted of all) if (wanted !== "compacted") this.count(wanted);
    await pair.until("events that are due", ({ lives }) =>
      all.every((wanted, at) => {
        const life = lives[at];
        if (life?.end !== undefined) return true;
        return wanted !== "compacted" && (life?.events.length ?? 0) >= wanted.count;
      }),
    );
  }

  /** Whether a request for the progress of the whole stream is answered, once all that is due has come. */
  hasProgress(pair: WatchPair, current: number): boolean {
    const lives = pair.sides[0].record.lives.filter(({ end }) => end !== "canceled");
    const wanted = (this.wanted.get(pair) ?? []).filter(
      (_, at) => pair.sides[0].record.lives[at]?.end !== "canceled",
    );
    const all = wanted.every(
      (one) => one !== "compacted" && (one.start === 0 || one.start <= current),
    );
    return lives.length > 0 && all;
  }

  private count(wanted: Wanted): void {
    for (; wanted.seen < this.history.length; wanted.seen++) {
      const past = this.history[wanted.seen];
      if (past === undefined) break;
      const { key, revision, isDelete } = past;
      if (revision < wanted.from || (isDelete ? wanted.noDelete : wanted.noPut)) continue;
      if (wanted.end === undefined ? key.equals(wanted.key) : isWithin(key, wanted.key, wanted.end))
        wanted.count += 1;
    }
  }
}

const isWithin = (key: Buffer, start: Buffer, end: Buffer): boolean =>
  compareBytes(key, start) >= 0 && (end.length === 0 || compareBytes(key, end) < 0);

function rangeOf(request: Message): { key: Buffer; end: Buffer | undefined } {
  const asked = (request["key"] ?? Buffer.alloc(0)) as Buffer;
  const end = request["range_end"] as Buffer | undefined;
  const key = asked.length === 0 ? Buffer.from([0]) : asked;
  if (end === undefined || end.length === 0) return { key, end: undefined };
  return { key, end: end.length === 1 && end[0] === 0 ? Buffer.alloc(0) : end };
}
