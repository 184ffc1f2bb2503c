import assert from "node:assert/strict";
import { test } from "node:test";
import { Admission } from "../../../node/rpc/admission.ts";
import { ServiceStats } from "../../../node/server/service-stats.ts";
import { RecordedCall } from "./recorded-call.ts";

interface Changes {
  readonly version?: string | undefined;
  readonly isLearner?: boolean;
  readonly hasLeader?: boolean;
}

function admission(changes: Changes = {}): Admission {
  const { isLearner = false, hasLeader = true } = changes;
  const version = "version" in changes ? changes.version : "3.7.0";
  const stats = { services: new ServiceStats() };
  return new Admission({ cluster: { version }, isLearner, hasLeader, stats });
}

const call = (metadata: Record<string, string> = {}): RecordedCall => new RecordedCall(metadata);
const demanding = { hasleader: "true" };
const garbled = { "client-api-version": "3.\xff" };

test("a member of a healthy cluster admits everybody", () => {
  const healthy = admission();
  assert.equal(healthy.refuse(call(), false), undefined);
  assert.equal(
    healthy.refuse(call({ ...demanding, "client-api-version": "3.7" }), false),
    undefined,
  );
});

test("without a cluster version nothing is served", () => {
  assert.equal(admission({ version: undefined }).refuse(call(), true), "NotCapable");
});

test("a learner answers what learners may answer", () => {
  const learner = admission({ isLearner: true });
  assert.equal(learner.refuse(call(), false), "NotSupportedForLearner");
  assert.equal(learner.refuse(call(), true), undefined);
});

test("a client's version that is no UTF-8 is refused, also after others were seen", () => {
  const here = admission();
  const metadata = (version: string): RecordedCall => call({ "client-api-version": version });
  assert.equal(here.refuse(metadata("3.7"), false), undefined);
  assert.equal(here.refuse(call(garbled), false), "InvalidClientAPIVersion");
  assert.equal(here.refuse(metadata("3.7"), false), undefined);
  // One character a byte: ü in UTF-8, and in latin1.
  assert.equal(here.refuse(metadata("\xc3\xbc"), false), undefined);
  assert.equal(here.refuse(metadata("\xfc"), false), "InvalidClientAPIVersion");
});

test("only a client that demands a leader is refused without one", () => {
  const leaderless = admission({ hasLeader: false });
  assert.equal(leaderless.refuse(call(), false), undefined);
  assert.equal(leaderless.refuse(call({ hasleader: "false" }), false), undefined);
  assert.equal(leaderless.refuse(call(demanding), false), "NoLeader");
});

test("the checks come in etcd's order", () => {
  const metadata = { ...demanding, ...garbled };
  const leaderless = { isLearner: true, hasLeader: false };
  const nothing = admission({ ...leaderless, version: undefined });
  assert.equal(nothing.refuse(call(metadata), false), "NotCapable");
  assert.equal(admission(leaderless).refuse(call(metadata), false), "NotSupportedForLearner");
  assert.equal(admission(leaderless).refuse(call(metadata), true), "InvalidClientAPIVersion");
});
