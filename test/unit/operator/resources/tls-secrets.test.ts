import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EtcdClusterSpec } from "../../../../operator/api/v1alpha1/types.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import { buildMember } from "../../../../operator/resources/member.ts";
import { clientTlsSecretNameOf } from "../../../../operator/resources/names.ts";
import {
  buildCaSecret,
  buildClientTlsSecret,
  buildMemberTlsSecret,
  operatorSecretNameOf,
  textsIn,
} from "../../../../operator/resources/tls-secrets.ts";
import { asCreated, clusterOf, context, defaultSpec } from "../../../operator/model/objects.ts";

const cluster = clusterOf({ tls: { ...defaultSpec.tls, mode: "Managed" } });
const pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

const ownersOf = ({ metadata }: KubernetesObject): unknown =>
  metadata.ownerReferences?.map(({ kind, uid }) => [kind, uid]);

describe("the Secret with the CA", () => {
  test("goes with the cluster, and has the next CA while there is one", () => {
    const secret = buildCaSecret(cluster, { certificate: pem, key: "k" });
    assert.equal(secret.metadata.name, "etcd-ca");
    assert.deepEqual(ownersOf(secret), [["EtcdCluster", "cluster-uid"]]);
    assert.deepEqual(
      [...textsIn(secret)],
      [
        ["tls.crt", pem],
        ["tls.key", "k"],
      ],
    );
    const next = { certificate: "n", key: "nk" };
    const changing = textsIn(buildCaSecret(cluster, { certificate: pem, key: "k", next }));
    assert.deepEqual([changing.get("next.crt"), changing.get("next.key")], ["n", "nk"]);
  });
});

describe("a member's Secret", () => {
  test("goes with the member, whose name is never used again", () => {
    const built = buildMember(cluster, {
      name: "etcd-abcde",
      bootstrap: "NewCluster",
      ...context,
    });
    const secret = buildMemberTlsSecret(cluster, asCreated(built, "member-uid"), {
      serverCertificate: "sc",
      serverKey: "sk",
      peerCertificate: "pc",
      peerKey: "pk",
      ca: pem,
    });
    assert.equal(secret.metadata.name, "etcd-abcde-tls");
    assert.deepEqual(ownersOf(secret), [["EtcdMember", "member-uid"]]);
    assert.deepEqual(Object.fromEntries(textsIn(secret)), {
      "server.crt": "sc",
      "server.key": "sk",
      "peer.crt": "pc",
      "peer.key": "pk",
      "ca.crt": pem,
    });
  });
});

describe("a client's Secret", () => {
  test("has the keys that everybody's have", () => {
    const name = clientTlsSecretNameOf("etcd", "app");
    const secret = buildClientTlsSecret(cluster, name, { certificate: "c", key: "k", ca: pem });
    assert.equal(secret.metadata.name, "etcd-client-app-tls");
    assert.equal(secret["type"], "kubernetes.io/tls");
    assert.deepEqual(Object.fromEntries(textsIn(secret)), {
      "tls.crt": "c",
      "tls.key": "k",
      "ca.crt": pem,
    });
  });

  test("of the operator is ours, the user's or none, by the mode", () => {
    const inMode = (change: Partial<EtcdClusterSpec["tls"]>): string | undefined =>
      operatorSecretNameOf(clusterOf({ tls: { ...defaultSpec.tls, ...change } }));
    const refs = { serverSecretRef: { name: "s" }, peerSecretRef: { name: "p" } };
    const provided = { ...refs, operatorSecretRef: { name: "o" } };
    assert.equal(inMode({ mode: "Managed" }), "etcd-operator-tls");
    assert.equal(inMode({ mode: "Provided", provided }), "o");
    assert.equal(inMode({ mode: "Disabled" }), undefined);
  });
});

test("what somebody wrote into a Secret that is no base64 counts as missing", () => {
  const secret = { metadata: { name: "x" }, data: { "tls.crt": "%", "tls.key": 7, a: btoa("b") } };
  assert.deepEqual([...textsIn(secret)], [["a", "b"]]);
  assert.deepEqual([...textsIn({ metadata: { name: "x" } })], []);
});
