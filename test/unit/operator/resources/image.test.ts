import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { imageOf } from "../../../../operator/resources/image.ts";

const digest = `sha256:${"a".repeat(64)}`;
const other = `sha256:${"b".repeat(64)}`;

describe("the image of a member", () => {
  for (const { name, spec, base, image } of [
    { name: "none named", spec: undefined, base: "ghcr.io/e/e:1", image: "ghcr.io/e/e:1" },
    { name: "only how to pull", spec: { pullPolicy: "Always" }, base: "e:1", image: "e:1" },
    {
      name: "repository and tag",
      spec: { repository: "r/x", tag: "2" },
      base: "e:1",
      image: "r/x:2",
    },
    {
      name: "repository and digest",
      spec: { repository: "r/x", digest },
      base: "e:1",
      image: `r/x@${digest}`,
    },
    {
      name: "all three",
      spec: { repository: "r/x", tag: "2", digest },
      base: "e:1",
      image: `r/x:2@${digest}`,
    },
    { name: "repository alone", spec: { repository: "r/x" }, base: "e:1", image: "r/x:1" },
    {
      name: "repository alone, with a base by tag and digest",
      spec: { repository: "r/x" },
      base: `e:1@${other}`,
      image: "r/x:1",
    },
    {
      name: "repository alone, with a base by digest",
      spec: { repository: "r/x" },
      base: `e@${other}`,
      image: `r/x@${other}`,
    },
    {
      name: "the same repository alone",
      spec: { repository: "e" },
      base: `e:1@${other}`,
      image: `e:1@${other}`,
    },
    {
      name: "repository alone, with a port in the base's host",
      spec: { repository: "r:5000/x" },
      base: "host:5000/e:1",
      image: "r:5000/x:1",
    },
    {
      name: "repository alone, with a base without tag",
      spec: { repository: "r/x" },
      base: "host:5000/e",
      image: "r/x",
    },
  ] as const) {
    test(name, () => assert.equal(imageOf(spec, base), image));
  }
});
