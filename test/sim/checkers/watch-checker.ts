/**
 * One watch as its client sees it, over all streams that it lived on, held against the true history: each event once, in order, none missing,
 * all events of a revision together, nothing that is not committed; progress never ahead of an event; an end by compaction only where what
 * comes next is really compacted.
 */
import { toText } from "../../../node/lib/bytes.ts";
import { type etcdserverpb, mvccpb } from "../../../node/proto/generated/messages.js";
import { longToBigint, longToNumber } from "../../../node/proto/long.ts";
import type { ModelEvent, ModelKey, TrueHistory } from "./true-history.ts";

type Response = etcdserverpb.WatchResponse.$Properties;

export interface WatchWish {
  readonly key: string;
  /** Exclusive; undefined for the one key, "\0" for no end. */
  readonly end: string | undefined;
  readonly prevKv: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
}

export interface WatchCheckerOptions {
  readonly name: string;
  readonly wish: WatchWish;
  readonly history: TrueHistory;
  readonly onViolation: (text: string) => void;
}

export class WatchChecker {
  /** Events that were compared. */
  compared = 0;
  /** The first revision that the client has not got; undefined as long as no server has told it where its watch begins. */
  next: number | undefined;
  private readonly options: WatchCheckerOptions;

  /** `start` undefined: from now on. */
  constructor(options: WatchCheckerOptions, start: number | undefined) {
    this.options = options;
    this.next = start;
  }

  /** The server has taken the watch. */
  created(response: Response): void {
    const revision = this.revisionOf(response);
    this.next ??= revision + 1;
  }

  /** A response with events. */
  events(response: Response): void {
    const { history, wish } = this.options;
    const got = response.events ?? [];
    const first = longToNumber(got[0]?.kv?.modRevision);
    const last = longToNumber(got.at(-1)?.kv?.modRevision);
    const revision = this.revisionOf(response);
    const { next } = this;
    if (next === undefined) return this.violate("events before the watch was created");
    if (first < next) return this.violate(`an event of revision ${first} again`);
    if (last > history.revision) return this.violate(`revision ${last} is not committed`);
    if (revision < last) return this.violate(`events up to ${last} in an answer of ${revision}`);
    const expected = this.wanted(next, last);
    this.next = last + 1;
    for (let at = 0; at < Math.max(expected.length, got.length); at++) {
      const [event, seen] = [expected[at], got[at]];
      if (event === undefined || seen === undefined || differs(event, seen)) {
        return this.violate(
          `event ${at} of revisions ${next} to ${last} is ${describeSeen(seen)}, not ${describe(event)}`,
        );
      }
      if (!this.isBefore(event, seen, wish.prevKv))
        return this.violate(`the key before ${describe(event)} is not as it was`);
    }
    this.compared += got.length;
  }

  /** The server says that the watch has got everything up to the response's revision. */
  progress(response: Response): void {
    const revision = this.revisionOf(response);
    const { next } = this;
    if (next === undefined) return this.violate("progress before the watch was created");
    if (revision + 1 < next)
      return this.violate(`progress ${revision} of a watch that has got ${next - 1}`);
    const [missed] = this.wanted(next, revision);
    if (missed !== undefined) {
      return this.violate(`progress ${revision} before the event ${describe(missed)}`);
    }
    this.next = revision + 1;
  }

  /** The watch has ended because of a compaction. The client goes on at what is left. */
  compacted(compactRevision: number): void {
    const { history } = this.options;
    const { next } = this;
    if (next === undefined || next >= compactRevision) {
      return this.violate(`ended for a compaction at ${compactRevision} with next ${next}`);
    }
    if (compactRevision > history.compactRevision)
      return this.violate(`ended for a compaction at ${compactRevision} that nobody made`);
    this.next = compactRevision;
  }

  /** The first event that the client should have by now; undefined when it has got all. */
  get missing(): string | undefined {
    const { history, name } = this.options;
    const [event] = this.wanted(this.next ?? history.revision + 1, history.revision);
    return event === undefined ? undefined : `${name} (next ${this.next}): ${describe(event)}`;
  }

  private wanted(from: number, to: number): ModelEvent[] {
    const { history, wish } = this.options;
    const events = history.between(wish, from, to);
    if (!wish.noPut && !wish.noDelete) return events;
    return events.filter(({ put }) => (put === undefined ? !wish.noDelete : !wish.noPut));
  }

  private revisionOf({ header }: Response): number {
    const revision = longToNumber(header?.revision);
    const { history } = this.options;
    if (revision > history.revision) {
      this.violate(`an answer of revision ${revision}, which is not committed`);
    }
    return revision;
  }

  /** A previous value may be missing only where a compaction has taken it. */
  private isBefore(
    event: ModelEvent,
    { prevKv }: mvccpb.Event.$Properties,
    isWanted: boolean,
  ): boolean {
    if (prevKv !== null && prevKv !== undefined)
      return isWanted && event.before !== undefined && !isOther(event.before, prevKv);
    if (!isWanted || event.before === undefined) return true;
    return event.revision - 1 < this.options.history.compactRevision;
  }

  private violate(text: string): void {
    this.options.onViolation(`${this.options.name}: ${text}`);
  }
}

function differs(
  { key, revision, put }: ModelEvent,
  { type, kv }: mvccpb.Event.$Properties,
): boolean {
  if (kv === null || kv === undefined) return true;
  if (put !== undefined) return type === mvccpb.Event.EventType.DELETE || isOther(put, kv);
  return (
    type !== mvccpb.Event.EventType.DELETE ||
    toText(kv.key ?? new Uint8Array(0)) !== key ||
    longToNumber(kv.modRevision) !== revision
  );
}

const isOther = (key: ModelKey, kv: mvccpb.KeyValue.$Properties): boolean =>
  longToNumber(kv.modRevision) !== key.modRevision ||
  longToNumber(kv.createRevision) !== key.createRevision ||
  longToNumber(kv.version) !== key.version ||
  BigInt.asIntN(64, longToBigint(kv.lease)) !== key.lease ||
  toText(kv.key ?? new Uint8Array(0)) !== key.key ||
  toText(kv.value ?? new Uint8Array(0)) !== key.value;

const describe = (event: ModelEvent | undefined): string =>
  event === undefined
    ? "nothing"
    : `${event.put === undefined ? "delete" : "put"} ${event.key}@${event.revision}`;

function describeSeen(event: mvccpb.Event.$Properties | undefined): string {
  if (event === undefined) return "nothing";
  const kind = event.type === mvccpb.Event.EventType.DELETE ? "delete" : "put";
  const key = toText(event.kv?.key ?? new Uint8Array(0));
  return `${kind} ${key}@${longToNumber(event.kv?.modRevision)}`;
}
