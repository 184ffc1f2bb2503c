import assert from "node:assert/strict";
import { test } from "node:test";
import { acceptsGzip } from "../../../node/http/metrics-answer.ts";

test("gzip is for those whose list names it with a quality above 0", () => {
  for (const header of ["gzip", "GZIP", "deflate, gzip", "gzip;q=0.5", "br, gzip ; q=1"])
    assert.ok(acceptsGzip(header), header);
  for (const header of ["", "identity", "deflate", "gzip;q=0", "gzip; q=0.000", "x-gzip2"])
    assert.ok(!acceptsGzip(header), header);
});
