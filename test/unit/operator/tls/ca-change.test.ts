/** How the CA is followed by the next one, step by step: with real certificates, whatever members, operators and people do meanwhile. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Step } from "../../../../operator/cluster/step.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import {
  born,
  certificateIn,
  dayMs,
  edit,
  rotate,
  settleAll,
  shortOf,
  startMs,
  textsOf,
  three,
} from "../../../operator/model-tls/tls-lab.ts";

describe("the CA", () => {
  test("is followed by another one before its end: trusted first, then used, then alone", async () => {
    const lab = await born({ a: {} });
    lab.nowMs = startMs + (3650 - 365) * dayMs;
    await lab.settle();
    lab.nowMs += 1_000;
    assert.deepEqual(await lab.settle(), [
      "latch AddNew",
      "ca add-next",
      "latch AddNew",
      "keep etcd-operator-tls",
      "keep etcd-a-tls",
      "latch Reissue",
      "ca promote",
      "new etcd-operator-tls",
      "new etcd-a-tls",
      "latch DropOld",
      "keep etcd-operator-tls",
      "keep etcd-a-tls",
      "ca drop-old",
      "latch Stable",
      "latch Stable",
      "done",
    ]);
    assert.equal(lab.certificates?.nextCAFingerprint, undefined);
    assert.deepEqual([...textsOf(lab, "etcd-ca").keys()].sort(), ["tls.crt", "tls.key"]);
  });

  test("changes once for each new value of the annotation, and leaves are asked for after it", async () => {
    const lab = await born({ a: {} });
    lab.annotations = rotate("ca-1");
    await lab.carryOut((lab.plan() as { step: Step }).step);
    lab.annotations = rotate("leaves-2");
    const told = await settleAll(lab);
    assert.equal(told.filter((each) => each === "latch DropOld").length, 1);
    assert.equal(lab.certificates?.rotationRequest, "leaves-2");
    assert.deepEqual(await lab.settle(), ["done"]);
  });

  test("does not begin to change, and does not go on, while a member is missing", async () => {
    const lab = await born(three);
    lab.annotations = rotate("ca-1");
    lab.members = { ...three, c: { pod: "unready", answers: false } };
    assert.equal(shortOf(lab.plan()), "wait PodNotReady");
    lab.members = three;
    await lab.carryOut((lab.plan() as { step: Step }).step);
    lab.members = { ...three, c: { pod: "unready", answers: false } };
    const told = await lab.settle();
    assert.deepEqual([told.at(-1), lab.certificates?.phase], ["wait PodNotReady", "AddNew"]);
    // It has its Secret by the time when it comes back.
    assert.ok(told.includes("keep etcd-c-tls"));
  });

  test("waits with a reason for a member that has not taken up what was written", async () => {
    const lab = await born(three);
    lab.proofs = lab.observe().proofs;
    lab.annotations = rotate("ca-1");
    await lab.settle();
    const planned = lab.plan();
    assert.ok(planned.kind === "wait");
    assert.match(planned.message, /member etcd-a does not let in clients of the next CA yet/);
    lab.proofs = undefined;
    await lab.carryOut((lab.plan() as { step: Step }).step);
    assert.equal(lab.certificates?.phase, "Reissue");
    lab.proofs = lab.observe().proofs;
    await lab.settle();
    const next = lab.plan();
    assert.ok(next.kind === "wait");
    assert.match(next.message, /member etcd-a does not serve clients with its new certificate yet/);
  });

  test("goes on after every write of an operator that ends there, and of a second one that sees the same", async () => {
    const lab = await born({ a: {} });
    lab.annotations = rotate("ca-1");
    for (let at = 0; at < 40; at += 1) {
      const observed = lab.observe();
      const planned = lab.plan(observed);
      if (planned.kind !== "step") break;
      const again = lab.plan(lab.observe());
      assert.deepEqual(again, planned);
      await lab.carryOut(planned.step, observed);
      if (planned.step.kind === "issue") {
        await assert.rejects(lab.carryOut(planned.step, observed), { name: "ApiError" });
      }
    }
    assert.equal(lab.certificates?.phase, "Stable");
    assert.deepEqual(await lab.settle(), ["done"]);
  });

  test("whose Secret is gone is followed by another one, with what was trusted", async () => {
    const lab = await born(three);
    const lost = certificateIn(lab, "etcd-ca", "tls.crt").fingerprint256;
    lab.secrets.delete("etcd-ca");
    const planned = lab.plan();
    assert.equal(shortOf(planned), "ca restore");
    await lab.carryOut((planned as { step: Step }).step);
    assert.equal(certificateIn(lab, "etcd-ca", "tls.crt").fingerprint256, lost);
    const told = await settleAll(lab);
    assert.equal(told.filter((each) => each.startsWith("keep")).length, 8);
    assert.equal(lab.certificates?.phase, "Stable");
    assert.notEqual(certificateIn(lab, "etcd-ca", "tls.crt").fingerprint256, lost);
  });

  test("that is another one is nobody's wish: stuck, until it is deleted", async () => {
    const lab = await born({ a: {} });
    const other = await born({ a: {} });
    const stranger = other.secrets.get("etcd-ca") as KubernetesObject;
    lab.secrets.set("etcd-ca", stranger);
    assert.equal(shortOf(lab.plan()), "stuck CertificateAuthorityLost");
    edit(lab, "etcd-ca", { "tls.crt": btoa("junk") });
    assert.equal(shortOf(lab.plan()), "stuck CertificateAuthorityLost");
    lab.secrets.delete("etcd-ca");
    assert.equal((await settleAll(lab)).at(-1), "done");
  });

  test("is found again, with how far a change was, when somebody empties the status", async () => {
    for (const phase of ["AddNew", "Reissue"] as const) {
      const lab = await born({ a: {} });
      lab.annotations = rotate("ca-1");
      while (
        lab.certificates?.phase !== phase ||
        shortOf(lab.plan()).startsWith("ca") ||
        shortOf(lab.plan()) === "latch AddNew"
      ) {
        await lab.carryOut((lab.plan() as { step: Step }).step);
      }
      lab.status = {};
      assert.equal(shortOf(lab.plan()), `latch ${phase}`);
      assert.equal((await settleAll(lab)).at(-1), "done");
    }
  });

  test("that has ended is followed without waiting for anybody: nobody can talk any more", async () => {
    const lab = await born(three);
    lab.nowMs = startMs + 3700 * dayMs;
    lab.proofs = new Map();
    lab.members = { ...three, c: { pod: "unready", answers: false } };
    const told = await lab.settle();
    assert.ok(told.includes("latch DropOld"), told.join("; "));
    assert.equal(told.filter((each) => each === "new etcd-c-tls").length, 1);
    assert.equal(lab.certificates?.phase, "Stable");
  });

  test("change waits for applications, and for those that work on the cluster", async () => {
    const lab = await born({ a: {} }, { clients: [{ name: "app" }] });
    lab.annotations = rotate("ca-1");
    await lab.settle();
    lab.nowMs += 179_000;
    assert.equal(shortOf(lab.plan()), "wait CertificatesSpreading");
    lab.nowMs += 1_000;
    assert.equal(
      shortOf(lab.plan({ ...lab.observe(), maintenanceHolder: "defrag" })),
      "wait MaintenanceRunning",
    );
    assert.equal(shortOf(lab.plan()), "latch Reissue");
  });
});
