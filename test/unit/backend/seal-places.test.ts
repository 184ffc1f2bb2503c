import assert from "node:assert/strict";
import { test } from "node:test";
import { RevisionKey } from "../../../node/backend/layout.ts";
import { SealPlaces } from "../../../node/backend/seal-places.ts";
import { toText } from "../../../node/lib/bytes.ts";

function filled(from: number, to: number): SealPlaces {
  const places = new SealPlaces();
  for (let sequence = from; sequence < to; sequence++)
    places.push(sequence, sequence * 3, sequence % 5);
  return places;
}

/** Takes off `count` and sees that they are the ones from `from` on. */
function take(places: SealPlaces, from: number, count: number): void {
  const key = new RevisionKey();
  for (let sequence = from; sequence < from + count; sequence++) {
    assert.equal(places.first, sequence);
    assert.equal(places.oldestMain, sequence * 3);
    assert.ok(key.parse(toText(places.shift())));
    assert.deepEqual(
      [key.isSeal, key.sequence, key.main, key.sub],
      [true, sequence, sequence * 3, sequence % 5],
    );
  }
}

test("places come off as they went on, while more go on, however many", () => {
  const places = new SealPlaces();
  let [pushed, taken] = [1, 1];
  for (let round = 0; round < 60; round++) {
    for (let n = 0; n < 7 + (round % 40); n++, pushed++)
      places.push(pushed, pushed * 3, pushed % 5);
    const count = Math.min(places.length, (round * 13) % 37);
    take(places, taken, count);
    taken += count;
    assert.equal(places.length, pushed - taken);
  }
  take(places, taken, places.length);
});

test("older places may be put in front", () => {
  const places = filled(500, 900);
  places.prepend(filled(3, 500));
  assert.equal(places.length, 897);
  places.push(900, 2700, 0);
  take(places, 3, 898);
});

test("a gap is a bug", () => {
  const places = filled(5, 8);
  assert.throws(() => places.push(9, 27, 4), { name: "AssertionError" });
  assert.throws(() => places.prepend(filled(1, 4)), { name: "AssertionError" });
});
