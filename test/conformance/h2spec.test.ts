/** The public HTTP/2 conformance tests, strict ones included, against a member process: nothing failed, nothing skipped. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { OneMember } from "../support/one-member.ts";
import { goPeer, needs } from "../support/peers.ts";

/** What h2spec 2.2.1 holds: fewer means that a section was not run. */
const casesExpected = 146;

interface Outcome {
  readonly cases: number;
  /** "section: case: what was seen" of each that did not pass. */
  readonly problems: readonly string[];
}

/** h2spec's JUnit report: one <testcase> per case, self-contained when it passed. */
function readReport(xml: string): Outcome {
  const problems: string[] = [];
  let cases = 0;
  for (const [, suite = "", body = ""] of xml.matchAll(
    /<testsuite name="([^"]*)"[^>]*>(.*?)<\/testsuite>/gs,
  )) {
    for (const [, name = "", verdict = ""] of body.matchAll(
      /<testcase [^>]*classname="([^"]*)"[^>]*>(.*?)<\/testcase>/gs,
    )) {
      cases++;
      if (verdict.trim() !== "") problems.push(`${suite}: ${name}: ${verdict.trim()}`);
    }
  }
  return { cases, problems };
}

describe("h2spec", needs("h2spec"), () => {
  let member: OneMember;
  before(async () => {
    // The cases on too many streams are skipped where the server sets no limit.
    member = await OneMember.start({ flags: ["--max-concurrent-streams=100"] });
  });
  after(() => member.stop());

  test("passes every case", () => {
    const report = join(member.directory, "h2spec.xml");
    const target = ["-h", "127.0.0.1", "-p", String(member.port), "-P", "/health"];
    const { status, stdout } = spawnSync(goPeer("h2spec"), [...target, "-S", "-j", report], {
      encoding: "utf8",
    });
    const { cases, problems } = readReport(readFileSync(report, "utf8"));
    assert.deepEqual(problems, []);
    assert.equal(cases, casesExpected);
    assert.match(stdout, new RegExp(`${casesExpected} passed, 0 skipped, 0 failed`));
    assert.equal(status, 0);
    assert.equal(member.server.end, undefined);
  });
});

test("the report's reader sees failed and skipped cases", () => {
  const xml = `<testsuites><testsuite name="3" tests="3">
    <testcase package="p" classname="good" time="0.1"></testcase>
    <testcase package="p" classname="bad" time="0.1"><failure>Expected: x</failure></testcase>
    <testcase package="p" classname="left out" time="0"><skipped></skipped></testcase>
  </testsuite></testsuites>`;
  assert.deepEqual(readReport(xml), {
    cases: 3,
    problems: ["3: bad: <failure>Expected: x</failure>", "3: left out: <skipped></skipped>"],
  });
});
