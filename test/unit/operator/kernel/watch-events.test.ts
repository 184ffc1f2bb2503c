import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { isApiError } from "../../../../operator/kernel/api-error.ts";
import { type WatchEvent, watchEvents } from "../../../../operator/kernel/watch-events.ts";
import { widget } from "../../../operator/kernel-lab.ts";

async function* inPieces(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    if (at < bytes.length) yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function decode(text: string, sizes: readonly number[] = []): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  for await (const event of watchEvents(inPieces(new TextEncoder().encode(text), sizes))) {
    events.push(event);
  }
  return events;
}

test("events come out the same however the bytes are cut, also within a character", async () => {
  const object = fc.record({
    name: fc.string({ minLength: 1 }),
    text: fc.string({ unit: "binary" }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(object),
      fc.array(fc.integer({ min: 1, max: 9 })),
      async (list, sizes) => {
        const sent = list.map(({ name, text }) => {
          const base = widget(name, { spec: { text } });
          return {
            type: "ADDED",
            object: { ...base, metadata: { ...base.metadata, resourceVersion: "7" } },
          };
        });
        const text = sent.map((event) => `${JSON.stringify(event)}\n`).join("");
        assert.deepEqual(await decode(text, sizes), sent);
      },
    ),
    { numRuns: 200 },
  );
});

test("a bookmark is its resourceVersion, an ERROR is a typed error", async () => {
  const bookmark = {
    type: "BOOKMARK",
    object: { kind: "Widget", metadata: { resourceVersion: "12" } },
  };
  const gone = {
    type: "ERROR",
    object: { kind: "Status", code: 410, reason: "Expired", message: "old" },
  };
  const [first, second] = await decode(`${JSON.stringify(bookmark)}\n\n${JSON.stringify(gone)}\n`);
  assert.deepEqual(first, { type: "BOOKMARK", resourceVersion: "12" });
  assert.ok(second?.type === "ERROR" && second.error.kind === "Expired");
});

test("a line that is cut off is no event", async () => {
  assert.deepEqual(await decode('{"type":"ADDED","object":{"metadata":{"name":"a"'), []);
});

for (const line of [
  "{",
  "null",
  "[]",
  '{"type":"ADDED"}',
  '{"type":"BOOKMARK","object":{}}',
  '{"type":"NEW","object":{}}',
]) {
  test(`a line that is no event fails the watch: ${line}`, async () => {
    await assert.rejects(decode(`${line}\n`), (error) => isApiError(error, "Unanswered"));
  });
}
