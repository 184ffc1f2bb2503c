/** Clusters with certificates of the operator's: issued before the first Pod, renewed and rotated without a restart, in virtual time. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import type { EtcdClusterSpec } from "../../../../operator/api/v1alpha1/types.ts";
import { OperatorLab } from "../../../operator/operator-lab.ts";
import { assertSound } from "./members-lab.ts";

const tls: EtcdClusterSpec["tls"] = {
  mode: "Managed",
  client: { requireClientCert: true },
  clients: [{ name: "app" }],
  ca: { validityDays: 3650, overlapDays: 365 },
  leaf: { validityDays: 90, renewAtPercent: 67, keyType: "ECDSA-P256" },
};

async function securedCluster(): Promise<OperatorLab> {
  const lab = new OperatorLab();
  lab.start();
  lab.createCluster("db", { replicas: 3, tls });
  await lab.until(() => lab.isReady("db"), 300_000);
  return lab;
}

function certificateIn(lab: OperatorLab, secretName: string, key: string): string {
  const secret = lab.list("secrets").find(({ metadata }) => metadata.name === secretName);
  const data = secret?.["data"] as Record<string, string> | undefined;
  return new X509Certificate(Buffer.from(data?.[key] ?? "", "base64")).fingerprint256;
}

test("Secrets are there before the Pods, and etcd is asked by TLS", async () => {
  const lab = await securedCluster();
  assertSound(lab, 3);
  const names = lab.list("secrets").map(({ metadata }) => metadata.name);
  const members = lab.list("members").map(({ metadata }) => `${metadata.name}-tls`);
  assert.deepEqual(
    new Set(names),
    new Set([...members, "db-ca", "db-operator-tls", "db-client-app-tls"]),
  );
  const made = lab.operatorWrites();
  const firstPod = made.findIndex((write) => write.startsWith("create pods"));
  assert.ok(made.indexOf("create secrets db-operator-tls") < firstPod);
  assert.equal(lab.cluster("db").status?.certificates?.phase, "Stable");
});

test("the CA is rotated on demand: all phases, no Pod touched, the old CA gone in the end", async () => {
  const lab = await securedCluster();
  const before = certificateIn(lab, "db-ca", "tls.crt");
  const runs = lab.node.runs.length;
  const phases = new Set<string | undefined>();
  lab.api.store.listen(() => phases.add(lab.cluster("db").status?.certificates?.phase));
  lab.annotate("db", { "etcd-ts.dev/rotate": "ca 1" });
  await lab.until(() => phases.has("DropOld") && lab.isReady("db"), 3_600_000);
  await lab.until(() => lab.cluster("db").status?.certificates?.phase === "Stable", 3_600_000);
  assert.deepEqual(phases, new Set(["Stable", "AddNew", "Reissue", "DropOld"]));
  assert.notEqual(certificateIn(lab, "db-ca", "tls.crt"), before);
  assert.equal(lab.node.runs.length, runs, "no Pod was started");
  const changes = lab.etcd("db").changes.length;
  assert.equal(changes, 4, "no member was changed");
  assertSound(lab, 3);
});

test("leaves are renewed when two thirds of their life are over, at a cluster that nobody touches", async () => {
  const lab = new OperatorLab();
  lab.start();
  lab.createCluster("db", { tls: { ...tls, leaf: { ...tls.leaf, validityDays: 1 } } });
  await lab.until(() => lab.isReady("db"), 300_000);
  const before = certificateIn(lab, "db-operator-tls", "tls.crt");
  await lab.time.advance(15.5 * 3_600_000);
  assert.equal(certificateIn(lab, "db-operator-tls", "tls.crt"), before, "not yet");
  await lab.time.advance(3_600_000);
  assert.notEqual(certificateIn(lab, "db-operator-tls", "tls.crt"), before);
  assert.ok(lab.isReady("db"));
  assertSound(lab, 1);
});
