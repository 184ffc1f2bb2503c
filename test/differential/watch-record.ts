/**
 * What one server sent on one Watch stream, in a form that can be held against another's: the events of each watch, and the messages that are no
 * events. How events are cut into responses is the server's affair, within the rules that are checked here as the responses come.
 */
import { createHash } from "node:crypto";
import type { WatchEvent, WatchResponse } from "./watch-client.ts";

/** One watch between its creation and its end. */
export interface WatchLife {
  readonly id: string;
  /** One text for each event. */
  readonly events: string[];
  end: string | undefined;
  /** Progress notifications of this watch alone. */
  notifications: number;
  /** Nothing up to here may still come. */
  told: number;
  /** The response before was a fragment, and not the last one. */
  isOpen: boolean;
  /** Events in each part of a response that came in several. */
  readonly parts: number[];
  /** By revision: the parts of a response that had this revision alone. */
  readonly cuts: Map<number, string>;
}

const noWatch = "-1";
const reasonCompacted = "etcdserver: mvcc: required revision has been compacted";
const shownMax = 400;

/** Type, key, revision and the whole; content too long to be kept is known by its digest. */
function textOf(event: WatchEvent): string {
  const { type = "PUT", kv } = event;
  const text = JSON.stringify(event);
  const whole = text.length < shownMax ? text : createHash("sha256").update(text).digest("hex");
  return `${type} ${kv.key} ${kv.mod_revision} ${whole}`;
}

/** Of an event of a WatchLife. */
export function eventOf(text: string): {
  readonly isDelete: boolean;
  readonly key: Buffer;
  readonly revision: number;
} {
  const [type, key = "", revision] = text.split(" ", 3);
  return {
    isDelete: type === "DELETE",
    key: Buffer.from(key, "base64"),
    revision: Number(revision),
  };
}

export class WatchRecord {
  readonly lives: WatchLife[] = [];
  /** Responses without events, in order. */
  readonly controls: string[] = [];
  /** Headers' revisions of the answers to pings. */
  readonly pongs: string[] = [];
  /** Answers about the progress of the whole stream. */
  progresses = 0;
  /** Broken rules. */
  readonly problems: string[] = [];
  private readonly current = new Map<string, WatchLife>();

  take(response: WatchResponse): void {
    const {
      watch_id: id = "0",
      created,
      canceled,
      events,
      compact_revision,
      cancel_reason,
    } = response;
    const revision = response.header?.revision ?? "0";
    if (events !== undefined) return this.takeEvents(id, Number(revision), response);
    if (created !== true && canceled !== true) return this.takeProgress(id, Number(revision));
    if (created === true && canceled === true && cancel_reason === reasonCompacted) {
      this.pongs.push(revision);
      return;
    }
    this.controls.push(JSON.stringify({ ...response, header: { revision } }));
    if (id === noWatch) return;
    if (created === true) this.begin(id);
    else {
      const life = this.known(id);
      const isCompacted = compact_revision !== undefined;
      if (life !== undefined)
        life.end = isCompacted ? `compacted at ${compact_revision}` : "canceled";
      // A compacted watch may still be cancelled.
      if (!isCompacted) this.current.delete(id);
    }
  }

  private begin(id: string): void {
    if (this.current.has(id)) this.problems.push(`watch ${id} is created twice`);
    const life = { id, events: [], end: undefined, notifications: 0, told: 0 };
    const begun: WatchLife = { ...life, isOpen: false, parts: [], cuts: new Map() };
    this.lives.push(begun);
    this.current.set(id, begun);
  }

  private takeProgress(id: string, revision: number): void {
    if (id === noWatch) {
      this.controls.push(`progress of all at ${revision}`);
      this.progresses += 1;
      for (const life of this.current.values()) this.promise(life, revision);
      return;
    }
    const life = this.known(id);
    if (life === undefined) return;
    life.notifications += 1;
    this.promise(life, revision);
  }

  private promise(life: WatchLife, revision: number): void {
    if (revision < life.told)
      this.problems.push(`watch ${life.id}: progress ${revision} behind ${life.told}`);
    life.told = revision;
  }

  private takeEvents(id: string, header: number, { events = [], fragment }: WatchResponse): void {
    const life = this.known(id);
    if (life === undefined) return;
    const first = Number(events[0]?.kv.mod_revision);
    const last = Number(events.at(-1)?.kv.mod_revision);
    if (life.end !== undefined) this.problems.push(`watch ${id}: events behind its end`);
    if (life.isOpen ? first < life.told : first <= life.told)
      this.problems.push(`watch ${id}: an event of ${first} behind ${life.told}`);
    if (header < last)
      this.problems.push(`watch ${id}: an event of ${last} under a header of ${header}`);
    let before = first;
    for (const event of events) {
      const main = Number(event.kv.mod_revision);
      if (main < before)
        this.problems.push(`watch ${id}: an event of ${main} behind one of ${before}`);
      before = main;
      life.events.push(textOf(event));
    }
    life.told = last;
    this.noteCut(life, events, fragment === true);
  }

  private noteCut(life: WatchLife, events: readonly WatchEvent[], isOpen: boolean): void {
    const { parts } = life;
    parts.push(events.length);
    const wasFirst = !life.isOpen;
    life.isOpen = isOpen;
    if (isOpen) return;
    if (!wasFirst) {
      const count = parts.reduce((sum, part) => sum + part, 0);
      const revisions = life.events.slice(-count).map((text) => eventOf(text).revision);
      if (new Set(revisions).size === 1) life.cuts.set(life.told, parts.join(" "));
    }
    parts.length = 0;
  }

  private known(id: string): WatchLife | undefined {
    const life = this.current.get(id);
    if (life === undefined) this.problems.push(`a message about watch ${id}, which is not there`);
    return life;
  }
}

/** What differs between what two servers sent on the same stream, for people. */
export function recordDifferences(etcd: WatchRecord, ours: WatchRecord): string[] {
  const found = [
    ...etcd.problems.map((problem) => `etcd breaks a rule: ${problem}`),
    ...ours.problems.map((problem) => `ours breaks a rule: ${problem}`),
    ...firstDifference("messages", etcd.controls, ours.controls),
    ...firstDifference("answers to pings", etcd.pongs, ours.pongs),
  ];
  for (const [at, life] of etcd.lives.entries()) {
    const other = ours.lives[at];
    if (other === undefined) continue;
    if (life.end !== other.end)
      found.push(`watch ${life.id}: etcd ${life.end ?? "goes on"}, ours ${other.end ?? "goes on"}`);
    found.push(...firstDifference(`events of watch ${life.id}`, life.events, other.events));
    for (const [revision, cut] of life.cuts) {
      const otherCut = other.cuts.get(revision);
      if (cut !== otherCut)
        found.push(`watch ${life.id}, ${revision}: etcd cut ${cut}, ours ${String(otherCut)}`);
    }
  }
  return found;
}

function firstDifference(what: string, etcd: readonly string[], ours: readonly string[]): string[] {
  const length = Math.max(etcd.length, ours.length);
  for (let at = 0; at < length; at++) {
    if (etcd[at] === ours[at]) continue;
    return [
      `${what}, number ${at}:\n  etcd ${etcd[at] ?? "nothing"}\n  ours ${ours[at] ?? "nothing"}`,
    ];
  }
  return [];
}
