/** What the plan asks of the issuer, and what the issuer writes: real certificates, no API server. */
import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { describe, test } from "node:test";
import type { Step } from "../../../../operator/cluster/step.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import {
  born,
  certificateIn,
  dayMs,
  edit,
  rotate,
  shortOf,
  startMs,
  TlsLab,
  textsOf,
  three,
} from "../../../operator/model-tls/tls-lab.ts";

describe("the first certificates", () => {
  test("are made one Secret after the other: the CA, clients, members", async () => {
    const lab = new TlsLab({ a: {} }, { clients: [{ name: "app", commonName: "user one" }] });
    assert.deepEqual(await lab.settle(), [
      "ca create",
      "latch Stable",
      "new etcd-operator-tls",
      "new etcd-client-app-tls",
      "new etcd-a-tls",
      "latch Stable",
      "done",
    ]);
    assert.equal(certificateIn(lab, "etcd-client-app-tls", "tls.crt").subject, "CN=user one");
    const { caNotAfter, leafNotAfter } = lab.certificates ?? {};
    assert.equal(Date.parse(caNotAfter ?? ""), startMs + 3650 * dayMs);
    assert.equal(Date.parse(leafNotAfter ?? ""), startMs + 90 * dayMs);
  });

  test("are asked for before a cluster is born, and before the Pod of a learner", async () => {
    const unborn = new TlsLab({});
    const { cluster, ...rest } = unborn.observe();
    const bare = { ...cluster, spec: { ...cluster.spec, replicas: 1 }, status: {} };
    assert.equal(shortOf(unborn.plan({ ...rest, cluster: bare })), "ca create");

    const lab = await born({ a: {} });
    lab.members = { a: {}, b: { role: "learner", pod: "absent" } };
    assert.equal(shortOf(lab.plan()), "new etcd-b-tls");
    lab.members = { a: {}, b: { role: "unlisted" } };
    assert.notEqual(shortOf(lab.plan()), "new etcd-b-tls");
  });

  test("have the CA's key in one Secret alone, and are of that CA", async () => {
    const lab = await born(three, { clients: [{ name: "app" }] });
    const ca = certificateIn(lab, "etcd-ca", "tls.crt");
    const key = createPrivateKey(textsOf(lab, "etcd-ca").get("tls.key") ?? "");
    assert.ok(ca.ca && ca.checkPrivateKey(key));
    for (const name of lab.secrets.keys()) {
      if (name === "etcd-ca") continue;
      const texts = textsOf(lab, name);
      for (const [entry, text] of texts) {
        if (entry.endsWith(".key"))
          assert.ok(!ca.checkPrivateKey(createPrivateKey(text)), `${name} ${entry}`);
        else if (entry !== "ca.crt")
          assert.ok(new X509Certificate(text).verify(ca.publicKey), `${name} ${entry}`);
      }
      assert.equal(texts.get("ca.crt"), ca.toString());
    }
  });

  test("belong to the member or to the cluster", async () => {
    const lab = await born({ a: {} });
    const ownerOf = (name: string): unknown =>
      lab.secrets.get(name)?.metadata.ownerReferences?.[0]?.uid;
    assert.deepEqual(["etcd-ca", "etcd-operator-tls", "etcd-a-tls"].map(ownerOf), [
      "cluster-uid",
      "cluster-uid",
      "uid-etcd-a",
    ]);
  });

  test("have keys of the kind that is asked for, and all are made anew when it changes", async () => {
    const lab = await born({ a: {} });
    lab.tls = { ...lab.tls, leaf: { ...lab.tls.leaf, keyType: "RSA-2048" } };
    assert.deepEqual(await lab.settle(), ["new etcd-operator-tls", "new etcd-a-tls", "done"]);
    assert.equal(
      certificateIn(lab, "etcd-a-tls", "peer.crt").publicKey.asymmetricKeyDetails?.modulusLength,
      2048,
    );
  });
});

describe("a write", () => {
  async function renewal(): Promise<{
    lab: TlsLab;
    step: Step;
    observed: ReturnType<TlsLab["observe"]>;
  }> {
    const lab = await born({ a: {} });
    lab.annotations = rotate("leaves");
    const observed = lab.observe();
    const planned = lab.plan(observed);
    assert.ok(planned.kind === "step");
    return { lab, step: planned.step, observed };
  }

  test("that was decided on an older view changes nothing", async () => {
    const { lab, step, observed } = await renewal();
    await lab.carryOut(step, observed);
    const after = lab.secrets.get("etcd-operator-tls");
    await assert.rejects(lab.carryOut(step, observed), { kind: "Conflict" });
    assert.equal(lab.secrets.get("etcd-operator-tls"), after);
    const first = new TlsLab({});
    const planned = first.plan();
    assert.ok(planned.kind === "step");
    const before = first.observe();
    await first.carryOut(planned.step, before);
    await assert.rejects(first.carryOut(planned.step, before), { kind: "AlreadyExists" });
  });

  test("never goes to a Secret of somebody else", async () => {
    const { lab, step, observed } = await renewal();
    const secret = lab.secrets.get("etcd-operator-tls") as KubernetesObject;
    const taken = { ...secret, metadata: { ...secret.metadata, ownerReferences: [] } };
    const secrets = new Map([...observed.secrets, ["etcd-operator-tls", taken]]);
    await assert.rejects(lab.carryOut(step, { ...observed, secrets }), /somebody else/);
  });

  test("leaves labels and annotations of others, and takes out what is not ours", async () => {
    const { lab } = await renewal();
    const secret = lab.secrets.get("etcd-a-tls") as KubernetesObject;
    const metadata = {
      ...secret.metadata,
      labels: { theirs: "yes" },
      annotations: { note: "kept" },
    };
    lab.secrets.set("etcd-a-tls", { ...secret, metadata });
    edit(lab, "etcd-a-tls", { "junk.txt": btoa("junk") });
    await lab.settle();
    const after = lab.secrets.get("etcd-a-tls");
    assert.equal(after?.metadata.labels?.["theirs"], "yes");
    assert.equal(after.metadata.annotations?.["note"], "kept");
    assert.deepEqual([...textsOf(lab, "etcd-a-tls").keys()].sort(), [
      "ca.crt",
      "peer.crt",
      "peer.key",
      "server.crt",
      "server.key",
    ]);
  });
});

describe("leaves", () => {
  test("are renewed when the part of their life is over that the spec says, one Secret at a time", async () => {
    const lab = await born({ a: {} });
    lab.nowMs = startMs + 60 * dayMs;
    assert.equal(shortOf(lab.plan()), "done");
    lab.nowMs = startMs + 61 * dayMs;
    assert.deepEqual(await lab.settle(), [
      "new etcd-operator-tls",
      "new etcd-a-tls",
      "latch Stable",
      "done",
    ]);
  });

  test("are made anew once for each new value of the annotation, also when the operator ends in between", async () => {
    const lab = await born({ a: {} });
    lab.annotations = rotate("leaves-1");
    const first = lab.plan();
    assert.ok(first.kind === "step");
    await lab.carryOut(first.step);
    assert.deepEqual(await lab.settle(), ["new etcd-a-tls", "latch Stable", "done"]);
    assert.equal(lab.certificates?.rotationRequest, "leaves-1");
    lab.annotations = {};
    assert.equal(shortOf(lab.plan()), "done");
  });

  test("follow the spec's names", async () => {
    const lab = await born({ a: {} });
    lab.tls = {
      ...lab.tls,
      extraSANs: { dnsNames: ["etcd.example.org"], ipAddresses: ["2001:DB8:0::1"] },
    };
    assert.deepEqual(await lab.settle(), ["new etcd-a-tls", "done"]);
    const names = certificateIn(lab, "etcd-a-tls", "server.crt").subjectAltName ?? "";
    assert.match(names, /etcd\.example\.org.*2001:DB8:0:0:0:0:0:1/);
    lab.tls = { ...lab.tls, extraSANs: { dnsNames: ["bücher.example"] } };
    assert.equal(shortOf(lab.plan()), "stuck CertificatesInvalid");
  });

  for (const [what, data] of [
    ["whose key is another one's", "other key"],
    ["of which a half is missing", undefined],
    ["that is no certificate", btoa("junk")],
  ] as const) {
    test(`are made anew at once: one ${what}`, async () => {
      const lab = await born(three);
      const other = (lab.secrets.get("etcd-b-tls")?.["data"] as Record<string, string>)[
        "server.key"
      ];
      edit(lab, "etcd-a-tls", {
        [data === "other key" ? "server.key" : "server.crt"]: data === "other key" ? other : data,
      });
      // Also while members are down.
      lab.members = { a: {}, b: { pod: "pending" }, c: {} };
      assert.equal(shortOf(lab.plan()), "new etcd-a-tls");
    });
  }

  test("never outlive their CA, and are not renewed to no avail", async () => {
    const lab = await born(
      { a: {} },
      {
        ca: { validityDays: 100, overlapDays: 90 },
        leaf: { validityDays: 90, renewAtPercent: 67, keyType: "ECDSA-P256" },
      },
    );
    // A member is down, so the CA cannot be changed.
    lab.members = { a: {}, b: { pod: "unready", answers: false } };
    for (let day = 1; day < 99; day += 1) {
      lab.nowMs = startMs + day * dayMs;
      const told = await lab.settle();
      if (day > 62)
        assert.deepEqual(
          told.filter((each) => each.startsWith("new")),
          [],
          `day ${day}`,
        );
    }
    assert.equal(
      certificateIn(lab, "etcd-a-tls", "peer.crt").validTo,
      certificateIn(lab, "etcd-ca", "tls.crt").validTo,
    );
  });

  test("of an application that is not wanted any more are deleted", async () => {
    const lab = await born({ a: {} }, { clients: [{ name: "app" }] });
    lab.tls = { ...lab.tls, clients: [] };
    assert.deepEqual(await lab.settle(), ["delete DeletedCertificates", "done"]);
  });
});
