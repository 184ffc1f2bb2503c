/** Mode Provided: what is said of certificates that a user gives. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { plan } from "../../../../operator/cluster/plan.ts";
import type { Plan } from "../../../../operator/cluster/step.ts";
import { isValidFor } from "../../../../operator/cluster/tls/provided.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import { readTlsFacts } from "../../../../operator/tls/secret-facts.ts";
import { tlsSpec } from "../../../operator/model-tls/tls-lab.ts";
import { type LeafOptions, TestCa } from "../../../support/pki.ts";
import { clusterWith, context, fine } from "../cluster/lab.ts";

const ca = TestCa.create("a user's CA");
const spec = {
  tls: {
    ...tlsSpec,
    mode: "Provided",
    provided: {
      serverSecretRef: { name: "server" },
      peerSecretRef: { name: "peer" },
      operatorSecretRef: { name: "operator" },
    },
    peer: { allowedCommonName: "peers" },
  },
} as const;
const hour = 3_600_000;
const startMs = Date.parse(context.now);
const good: LeafOptions = {
  commonName: "peers",
  dnsNames: ["*.etcd-peers.prod.svc.cluster.local", "etcd-client.prod.svc"],
  validity: { notBeforeMs: startMs - hour, notAfterMs: startMs + hour },
};

function secretOf(
  name: string,
  leaf: LeafOptions,
  changed: Record<string, string> = {},
): KubernetesObject {
  const { certPem, keyPem } = ca.leaf({ ...good, ...leaf });
  const texts = { "tls.crt": certPem, "tls.key": keyPem, "ca.crt": ca.certPem, ...changed };
  const data = Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, btoa(text)]));
  return { apiVersion: "v1", kind: "Secret", metadata: { name }, data };
}

function answer(changed: Record<string, KubernetesObject | undefined> = {}, isBorn = true): Plan {
  const given = {
    server: secretOf("server", {}),
    peer: secretOf("peer", {}),
    operator: secretOf("operator", { usages: ["clientAuth"], dnsNames: [], ipAddresses: [] }),
    ...changed,
  };
  const entries: readonly (readonly [string, KubernetesObject | undefined])[] =
    Object.entries(given);
  const secrets = new Map(
    entries.flatMap(([name, secret]) => (secret === undefined ? [] : [[name, secret] as const])),
  );
  const observed = clusterWith(isBorn ? fine(3) : {}, { spec: { ...spec, replicas: 3 } });
  const { cluster } = observed;
  const unborn = { ...cluster, status: {} };
  return plan(
    { ...observed, cluster: isBorn ? cluster : unborn, secrets, tls: readTlsFacts(secrets) },
    context,
  );
}

function reasonOf(planned: Plan): string {
  return planned.kind === "step" || planned.kind === "done"
    ? planned.kind
    : `${planned.kind} ${planned.reason}: ${planned.message}`;
}

describe("given certificates", () => {
  test("that are right are taken as they are", () => {
    assert.equal(reasonOf(answer()), "done");
  });

  test("that are missing are waited for, and named", () => {
    assert.match(
      reasonOf(answer({ peer: undefined })),
      /^wait CertificatesMissing: Secret peer \(spec\.tls\.provided\.peerSecretRef\) does not exist: create it/,
    );
    // Nothing is born without them.
    assert.match(reasonOf(answer({ server: undefined }, false)), /^wait CertificatesMissing/);
    assert.equal(reasonOf(answer({}, false)), "step");
  });

  for (const [what, secrets, expected] of [
    [
      "ended",
      {
        server: secretOf("server", {
          validity: { notBeforeMs: startMs - 2 * hour, notAfterMs: startMs - hour },
        }),
      },
      /tls\.crt has ended on 2026-01-01T11:00:00Z/,
    ],
    [
      "begin later",
      {
        peer: secretOf("peer", {
          validity: { notBeforeMs: startMs + hour, notAfterMs: startMs + 2 * hour },
        }),
      },
      /valid from 2026-01-01T13:00:00Z only/,
    ],
    [
      "are for other names",
      { server: secretOf("server", { dnsNames: ["etcd.example.org"] }) },
      /not valid for etcd-a\.etcd-peers\.prod\.svc\.cluster\.local/,
    ],
    [
      "lack the Service",
      { server: secretOf("server", { dnsNames: ["*.etcd-peers.prod.svc.cluster.local"] }) },
      /not valid for etcd-client\.prod\.svc/,
    ],
    [
      "are for servers alone",
      { peer: secretOf("peer", { usages: ["serverAuth"] }) },
      /lacks the extended key usage clientAuth/,
    ],
    [
      "have another common name",
      { peer: secretOf("peer", { commonName: "others" }) },
      /common name "others".*"peers"/,
    ],
    [
      "have no key",
      { operator: secretOf("operator", {}, { "tls.key": "" }) },
      /operatorSecretRef\): tls\.key is missing/,
    ],
    [
      "have another one's key",
      { operator: secretOf("operator", {}, { "tls.key": ca.keyPem }) },
      /the private key is another certificate's/,
    ],
    [
      "are cut off",
      { peer: secretOf("peer", {}, { "tls.crt": "-----BEGIN CERTIFICATE-----\nMII" }) },
      /there is no certificate in it/,
    ],
    [
      "come with half a bundle",
      { peer: secretOf("peer", {}, { "ca.crt": `${ca.certPem}-----BEGIN CERTIFICATE-----\nMII` }) },
      /ca\.crt is missing or cannot be read/,
    ],
  ] as const) {
    test(`that ${what} are refused, with what is wrong`, () => {
      const told = reasonOf(answer(secrets));
      assert.match(told, /^stuck CertificatesInvalid/);
      assert.match(told, expected);
    });
  }

  test("are valid for a host by its name or by a wildcard for one label", () => {
    assert.ok(isValidFor(["*.b.c"], "A.b.c"));
    assert.ok(isValidFor(["a.B.c"], "a.b.c"));
    assert.ok(!isValidFor(["*.c"], "a.b.c"));
    assert.ok(!isValidFor(["*.b.c"], "b.c"));
  });
});
