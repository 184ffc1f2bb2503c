import assert from "node:assert/strict";
import { beforeEach, suite, test } from "node:test";
import { fromText } from "../../../node/lib/bytes.ts";
import { type etcdserverpb, mvccpb } from "../../../node/proto/generated/messages.js";
import { numberLong } from "../../../node/proto/long.ts";
import { type ModelEvent, TrueHistory } from "../../sim/checkers/true-history.ts";
import { WatchChecker, type WatchWish } from "../../sim/checkers/watch-checker.ts";
import { compactRequest, deleteRangeRequest, putRequest } from "../../sim/requests.ts";
import { entryOf } from "./entry-of.ts";

const wish: WatchWish = {
  ...{ key: "a", end: "m" },
  ...{ prevKv: false, noPut: false, noDelete: false },
};

const header = (revision: number): { revision: ReturnType<typeof numberLong> } => ({
  revision: numberLong(revision),
});

function wired(event: ModelEvent): mvccpb.Event.$Properties {
  const { key, revision, put } = event;
  if (put === undefined) {
    const kv = { key: fromText(key), modRevision: numberLong(revision) };
    return { type: mvccpb.Event.EventType.DELETE, kv };
  }
  return {
    kv: {
      key: fromText(key),
      value: fromText(put.value),
      modRevision: numberLong(put.modRevision),
      createRevision: numberLong(put.createRevision),
      version: numberLong(put.version),
    },
  };
}

suite("the checker of a watch", () => {
  let history: TrueHistory;
  let violations: string[];
  let checker: WatchChecker;

  /** Revisions: 2 a, 3 b, 4 z (not watched), 5 deletes a and b, 6 a; 3 is compacted. */
  beforeEach(() => {
    history = new TrueHistory({ nowMs: () => 0, minTtlSeconds: 1, onRevoked: () => undefined });
    const requests = [
      ...[putRequest("a", "1"), putRequest("b", "1"), putRequest("z", "1")],
      ...[deleteRangeRequest("a", "c"), putRequest("a", "2"), compactRequest(3)],
    ];
    for (const [at, request] of requests.entries()) history.committed(entryOf(at + 1, request));
    violations = [];
    checker = newChecker(2);
  });

  const newChecker = (start: number | undefined, wanted = wish): WatchChecker =>
    new WatchChecker(
      { name: "w", wish: wanted, history, onViolation: (text) => violations.push(text) },
      start,
    );

  const eventsOf = (from: number, to: number): mvccpb.Event.$Properties[] =>
    history.between(wish, from, to).map(wired);

  const answer = (
    events: mvccpb.Event.$Properties[],
    revision = 6,
  ): etcdserverpb.WatchResponse.$Properties => ({ header: header(revision), events });

  test("lets the whole history pass, in whatever pieces of whole revisions", () => {
    checker.created({ header: header(6) });
    checker.events(answer(eventsOf(2, 3), 3));
    checker.progress({ header: header(4) });
    checker.events(answer(eventsOf(5, 6)));
    assert.deepEqual(violations, []);
    assert.deepEqual([checker.compared, checker.missing], [5, undefined]);
  });

  test("begins behind the revision at which it was created", () => {
    checker = newChecker(undefined);
    checker.created({ header: header(5) });
    checker.events(answer(eventsOf(6, 6)));
    assert.deepEqual(violations, []);
  });

  test("finds an event that is missing", () => {
    checker.events(answer(eventsOf(2, 2)));
    checker.events(answer(eventsOf(5, 5)));
    assert.match(violations.join(), /event 0 of revisions 3 to 5 is delete a@5, not put b@3/);
  });

  test("finds an event that comes again", () => {
    checker.events(answer(eventsOf(2, 3)));
    checker.events(answer(eventsOf(3, 5)));
    assert.match(violations.join(), /an event of revision 3 again/);
  });

  test("finds a revision that is torn", () => {
    checker.events(answer(eventsOf(2, 5).slice(0, -1)));
    assert.match(violations.join(), /is nothing, not delete b@5/);
  });

  test("finds events out of order, and such as the watch does not want", () => {
    checker.events(answer(eventsOf(2, 3).reverse()));
    assert.match(violations.join(), /an event|is put b@3, not put a@2/);
    violations.length = 0;
    checker = newChecker(2);
    checker.events(answer(history.between({ key: "z", end: undefined }, 4, 4).map(wired)));
    assert.equal(violations.length, 1);
  });

  test("finds another value", () => {
    const [event] = eventsOf(2, 2);
    checker.events(answer([{ kv: { ...event?.kv, value: fromText("other") } }]));
    assert.equal(violations.length, 1);
  });

  test("finds what is not committed, and an answer that is older than its events", () => {
    checker.events(answer([{ kv: { key: fromText("a"), modRevision: numberLong(7) } }]));
    assert.match(violations.join(), /revision 7 is not committed/);
    violations.length = 0;
    checker = newChecker(2);
    checker.events(answer(eventsOf(2, 6), 5));
    assert.match(violations.join(), /events up to 6 in an answer of 5/);
  });

  test("finds progress ahead of an event, and progress behind what the client has", () => {
    checker.progress({ header: header(2) });
    assert.match(violations.join(), /progress 2 before the event put a@2/);
    violations.length = 0;
    checker = newChecker(6);
    checker.progress({ header: header(4) });
    assert.match(violations.join(), /progress 4 of a watch that has got 5/);
  });

  test("finds an end for a compaction that takes nothing from the watch, or that nobody made", () => {
    newChecker(3).compacted(3);
    assert.match(violations.join(), /ended for a compaction at 3 with next 3/);
    violations.length = 0;
    newChecker(2).compacted(4);
    assert.match(violations.join(), /at 4 that nobody made/);
    violations.length = 0;
    newChecker(2).compacted(3);
    assert.deepEqual(violations, []);
  });

  test("demands the key before an event where it is asked for and not compacted", () => {
    const wanted = { ...wish, prevKv: true };
    // Of revision 3, which was in force at the compaction: deleted at 5.
    newChecker(5, wanted).events(answer(eventsOf(5, 5)));
    assert.match(violations.join(), /the key before delete a@5 is not as it was/);
    violations.length = 0;
    newChecker(6, wanted).events(answer(eventsOf(6, 6)));
    assert.deepEqual(violations, []);
  });

  test("names an event that never came", () => {
    checker.events(answer(eventsOf(2, 3)));
    assert.match(checker.missing ?? "", /delete a@5/);
  });
});
