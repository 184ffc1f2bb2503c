/**
 * A corpus of frame sequences, valid and not, played to our server and to nghttpd: equal outcomes, or a row in
 * frames/differences.ts that says why.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { needs } from "../support/peers.ts";
import { type Difference, differences } from "./frames/differences.ts";
import { frameSequences } from "./frames/frame-sequences.ts";
import { headerSequences } from "./frames/header-sequences.ts";
import { play } from "./frames/outcome.ts";
import type { Sequence } from "./frames/sequence.ts";
import { type CorpusServer, startNghttpd, startOurs } from "./frames/servers.ts";
import { stateSequences } from "./frames/states.ts";

const corpus: readonly Sequence[] = [...stateSequences, ...frameSequences, ...headerSequences];

const fits = (expected: string | RegExp, seen: string): boolean =>
  typeof expected === "string" ? expected === seen : expected.test(seen);

function explains({ ours, nghttp2 }: Difference, seen: { ours: string; nghttp2: string }): boolean {
  return fits(ours, seen.ours) && fits(nghttp2, seen.nghttp2);
}

describe("frame sequences", needs("nghttpd"), () => {
  let ours: CorpusServer;
  let nghttpd: CorpusServer;
  before(async () => {
    nghttpd = await startNghttpd();
    ours = await startOurs();
  });
  after(async () => {
    await nghttpd.stop();
    await ours.stop();
  });

  for (const sequence of corpus) {
    test(sequence.name, async () => {
      const seen = {
        ours: await play(ours.port, sequence),
        nghttp2: await play(nghttpd.port, sequence),
      };
      const row = differences.find(({ sequences }) => sequences.test(sequence.name));
      if (row === undefined) assert.equal(seen.ours, seen.nghttp2);
      else assert.ok(explains(row, seen), `ours: ${seen.ours}; nghttp2: ${seen.nghttp2}`);
    });
  }
});

test("the corpus is large, and no name stands twice", () => {
  assert.ok(corpus.length >= 400, `${corpus.length} sequences`);
  assert.equal(new Set(corpus.map(({ name }) => name)).size, corpus.length);
});

test("every row of the differences stands for a sequence, and none for equal outcomes", () => {
  for (const { sequences, ours, nghttp2 } of differences) {
    assert.ok(
      corpus.some(({ name }) => sequences.test(name)),
      String(sequences),
    );
    assert.notEqual(String(ours), String(nghttp2));
  }
});
