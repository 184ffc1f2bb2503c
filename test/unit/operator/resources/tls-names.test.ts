import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { EtcdClusterSpec } from "../../../../operator/api/v1alpha1/types.ts";
import { buildMember } from "../../../../operator/resources/member.ts";
import {
  clientLeafNames,
  operatorLeafNames,
  peerCommonNameOf,
  peerLeafNames,
  serverLeafNames,
} from "../../../../operator/resources/tls-names.ts";
import { clusterOf, context, defaultSpec } from "../../../operator/model/objects.ts";

const tls = { ...defaultSpec.tls, mode: "Managed" } as const;

function memberOf(spec: Partial<EtcdClusterSpec>): Parameters<typeof peerLeafNames> {
  const cluster = clusterOf({ tls, ...spec });
  return [
    cluster,
    buildMember(cluster, { name: "etcd-abcde", bootstrap: "NewCluster", ...context }),
  ];
}

describe("a peer's certificate", () => {
  test("has the cluster's one common name, and every form of the member's DNS name", () => {
    assert.deepEqual(peerLeafNames(...memberOf({ clusterDomain: "corp.example" })), {
      commonName: "etcd.prod.etcd-peer",
      dnsNames: [
        "etcd-abcde.etcd-peers",
        "etcd-abcde.etcd-peers.prod",
        "etcd-abcde.etcd-peers.prod.svc",
        "etcd-abcde.etcd-peers.prod.svc.corp.example",
        "*.etcd-peers.prod.svc",
        "*.etcd-peers.prod.svc.corp.example",
      ],
      ipAddresses: [],
    });
  });

  test("has a common name of at most 64 characters, by its ending no application's, that differs between clusters", () => {
    const label = fc.stringMatching(/^[a-z]([-a-z0-9]{0,43}[a-z0-9])?$/);
    const named = (name: string, namespace: string): string => {
      const cluster = clusterOf({ tls });
      return peerCommonNameOf({ ...cluster, metadata: { ...cluster.metadata, name, namespace } });
    };
    fc.assert(
      fc.property(label, label, label, (name, namespace, other) => {
        const commonName = named(name, namespace);
        assert.ok(commonName.length <= 64 && commonName.endsWith(".etcd-peer"));
        assert.equal(commonName === named(other, namespace), name === other);
      }),
    );
    assert.equal(named("c".repeat(45), "n".repeat(63)).length, 64);
  });
});

describe("a server's certificate", () => {
  test("has the names of the member, of the clients' Service, of the machine and of the user", () => {
    const extraSANs = { dnsNames: ["etcd.example.org"], ipAddresses: ["10.0.0.1"] };
    assert.deepEqual(serverLeafNames(...memberOf({ tls: { ...tls, extraSANs } })), {
      commonName: "etcd-abcde",
      dnsNames: [
        "etcd-abcde.etcd-peers",
        "etcd-abcde.etcd-peers.prod",
        "etcd-abcde.etcd-peers.prod.svc",
        "etcd-abcde.etcd-peers.prod.svc.cluster.local",
        "etcd-client",
        "etcd-client.prod",
        "etcd-client.prod.svc",
        "etcd-client.prod.svc.cluster.local",
        "localhost",
        "etcd.example.org",
      ],
      ipAddresses: ["127.0.0.1", "::1", "10.0.0.1"],
    });
  });

  test("names nothing twice", () => {
    const extraSANs = { dnsNames: ["localhost"], ipAddresses: ["::1"] };
    const { dnsNames, ipAddresses } = serverLeafNames(...memberOf({ tls: { ...tls, extraSANs } }));
    assert.equal(new Set(dnsNames).size, dnsNames.length);
    assert.equal(new Set(ipAddresses).size, ipAddresses.length);
  });
});

describe("a client's certificate", () => {
  test("has the common name that the user wants, or the application's name, and no others", () => {
    assert.deepEqual(clientLeafNames({ name: "app", commonName: "My app" }), {
      commonName: "My app",
      dnsNames: [],
      ipAddresses: [],
    });
    assert.equal(clientLeafNames({ name: "app" }).commonName, "app");
    assert.equal(operatorLeafNames().commonName, "etcd-ts-operator");
  });
});
