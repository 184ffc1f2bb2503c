import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EtcdClusterSpec } from "../../../../operator/api/v1alpha1/types.ts";
import { isReservedFlag } from "../../../../operator/resources/flags.ts";
import { selectorTextOf } from "../../../../operator/resources/labels.ts";
import { buildMember, memberWithImage } from "../../../../operator/resources/member.ts";
import {
  memberNameOf,
  memberSuffixAlphabet,
  memberSuffixLength,
} from "../../../../operator/resources/names.ts";
import {
  buildClientService,
  buildPeersService,
  isServiceAsBuilt,
} from "../../../../operator/resources/services.ts";
import { clientUrlOf, endpointOf } from "../../../../operator/resources/urls.ts";
import {
  buildVolumeClaim,
  hasOwnerByPolicy,
  ownedVolumeClaim,
} from "../../../../operator/resources/volume-claim.ts";
import { asCreated, clusterOf, context, defaultSpec } from "../../../operator/model/objects.ts";
import type { ServiceView } from "../../../operator/model/views.ts";

const memberOf = (spec: Partial<EtcdClusterSpec> = {}): ReturnType<typeof buildMember> =>
  buildMember(clusterOf(spec), { name: "etcd-abcde", bootstrap: "NewCluster", ...context });

describe("names", () => {
  test("of members of a cluster with the longest name are DNS labels", () => {
    const name = memberNameOf("c".repeat(45), "b".repeat(memberSuffixLength));
    assert.ok(`data-${name}`.length <= 63 && `${"c".repeat(45)}-client`.length <= 63);
  });

  test("have suffixes of 27 characters, none of them a vowel or easily misread", () => {
    assert.equal(new Set(memberSuffixAlphabet).size, 27);
    assert.doesNotMatch(memberSuffixAlphabet, /[aeiouy013]/);
  });

  test("of the selector are labels that neither change nor belong to users", () => {
    assert.equal(
      selectorTextOf("etcd"),
      "etcd-ts.dev/cluster=etcd,app.kubernetes.io/component=member",
    );
  });
});

describe("an EtcdMember", () => {
  test("carries its identity", () => {
    assert.deepEqual(memberOf().spec, {
      clusterName: "etcd",
      bootstrap: "NewCluster",
      clusterToken: "prod/etcd/cluster-uid",
      peerURL: "http://etcd-abcde.etcd-peers.prod.svc.cluster.local:2380",
      image: "localhost/etcd-ts:1.0",
    });
  });

  test("is in the domain that the spec names, and keeps its client URL when the operator's domain changes", () => {
    const member = memberOf({ clusterDomain: "corp.example" });
    assert.equal(clientUrlOf(member), "http://etcd-abcde.etcd-peers.prod.svc.corp.example:2379");
  });

  test("gets another image by an apply that names nothing else, to this very object", () => {
    assert.deepEqual(memberWithImage(asCreated(memberOf(), "u1"), "x:2"), {
      apiVersion: "etcd-ts.dev/v1alpha1",
      kind: "EtcdMember",
      metadata: { name: "etcd-abcde", namespace: "prod", uid: "u1" },
      spec: { image: "x:2" },
    });
  });
});

describe("a volume claim", () => {
  test("asks for what the spec says, and has no owner when it is created", () => {
    const spec = { ...defaultSpec.storage, size: "20Gi", storageClassName: "fast" };
    const claim = buildVolumeClaim(clusterOf({ storage: spec }), memberOf());
    assert.equal(claim.metadata.name, "data-etcd-abcde");
    assert.equal(claim.metadata.ownerReferences, undefined);
    assert.deepEqual(claim["spec"], {
      accessModes: ["ReadWriteOnce"],
      storageClassName: "fast",
      resources: { requests: { storage: "20Gi" } },
    });
  });

  for (const policy of ["Delete", "Retain"] as const) {
    test(`has the owner that ${policy} needs after one apply, from either state`, () => {
      const reclaim = { onScaleDown: "Delete", onClusterDelete: policy } as const;
      const cluster = clusterOf({ storage: { ...defaultSpec.storage, reclaim } });
      const built = buildVolumeClaim(cluster, memberOf());
      const claim = { ...built, metadata: { ...built.metadata, uid: "u1" } };
      const applied = ownedVolumeClaim(cluster, claim);
      assert.equal(applied.metadata.uid, "u1");
      // An apply that left the size out would take it away after one that gave it.
      assert.deepEqual(applied["spec"], { resources: { requests: { storage: "8Gi" } } });
      assert.ok(hasOwnerByPolicy(cluster, applied));
      assert.equal(
        applied.metadata.ownerReferences?.[0]?.uid,
        policy === "Delete" ? "cluster-uid" : undefined,
      );
    });
  }
});

describe("the Services", () => {
  const peers = buildPeersService(clusterOf()) as ServiceView;
  const client = buildClientService(clusterOf()) as ServiceView;

  test("of peers is headless and names members that are not ready", () => {
    assert.equal(peers.metadata.name, "etcd-peers");
    assert.equal(peers.spec["clusterIP"], "None");
    assert.equal(peers.spec["publishNotReadyAddresses"], true);
    assert.deepEqual(
      peers.spec.ports.map(({ name, port }) => [name, port]),
      [
        ["client", 2379],
        ["peer", 2380],
      ],
    );
  });

  test("of clients leads to ready members, on the client port alone", () => {
    assert.equal(client.metadata.name, "etcd-client");
    assert.equal(client.spec["publishNotReadyAddresses"], undefined);
    assert.deepEqual(
      client.spec.ports.map(({ port }) => port),
      [2379],
    );
    assert.equal(endpointOf(clusterOf()), "http://etcd-client.prod.svc:2379");
  });

  test("belong to the cluster and select its members", () => {
    for (const service of [peers, client]) {
      assert.equal(service.metadata.ownerReferences[0]!.uid, "cluster-uid");
      assert.deepEqual(service.spec.selector, {
        "etcd-ts.dev/cluster": "etcd",
        "app.kubernetes.io/component": "member",
      });
    }
  });

  test("do not differ for what the API server and its controllers fill in", () => {
    const asRead = {
      ...client,
      metadata: { ...client.metadata, uid: "s1", resourceVersion: "7", generation: 2 },
      spec: {
        ...client.spec,
        clusterIP: "10.0.0.7",
        clusterIPs: ["10.0.0.7"],
        internalTrafficPolicy: "Cluster",
        sessionAffinity: "None",
        ports: client.spec.ports.map((port) => ({ ...port, nodePort: 31_234 })),
      },
      status: { loadBalancer: {} },
    };
    assert.ok(isServiceAsBuilt(asRead, client));
    assert.equal(JSON.stringify(client).includes("nodePort"), false);
  });

  test("may have more ports and labels of others, in any order", () => {
    const ports = [{ port: 9, protocol: "TCP", name: "extra" }, ...[...peers.spec.ports].reverse()];
    const labels = { ...peers.metadata.labels, mine: "x" };
    const asRead = {
      ...peers,
      metadata: { ...peers.metadata, labels },
      spec: { ...peers.spec, ports },
    };
    assert.ok(isServiceAsBuilt(asRead, peers));
  });

  for (const [what, change] of Object.entries<(service: ServiceView) => void>({
    "a port": (service) => (service.spec.ports[0]!.targetPort = 1),
    "the selector": (service) => (service.spec.selector["etcd-ts.dev/cluster"] = "other"),
    "the type": (service) => (service.spec.type = "NodePort"),
    "the owner": (service) => (service.metadata.ownerReferences[0]!.uid = "other"),
    "a label of ours": (service) => delete service.metadata.labels["app.kubernetes.io/name"],
  })) {
    test(`differ when somebody changed ${what}`, () => {
      const asRead = structuredClone(client);
      change(asRead);
      assert.equal(isServiceAsBuilt(asRead, client), false);
    });
  }

  test("take the user's labels and annotations, and differ when one is added, changed or removed", () => {
    const withMeta = (labels: Record<string, string>): ServiceView =>
      buildClientService(
        clusterOf({
          services: {
            client: {
              type: "LoadBalancer",
              labels,
              annotations: { "cloud.example/internal": "true" },
              trafficDistribution: "PreferClose",
            },
          },
        }),
      ) as ServiceView;
    const built = withMeta({ team: "x", "etcd-ts.dev/cluster": "another" });
    assert.equal(built.metadata.labels["team"], "x");
    assert.equal(built.metadata.labels["etcd-ts.dev/cluster"], "etcd");
    assert.equal(built.metadata.annotations["cloud.example/internal"], "true");
    assert.equal(built.spec["trafficDistribution"], "PreferClose");
    assert.equal(isServiceAsBuilt(built, withMeta({ team: "y" })), false);
    assert.equal(isServiceAsBuilt(built, withMeta({})), false);
    assert.equal(isServiceAsBuilt(withMeta({}), built), false);
  });
});

describe("flags that the operator sets", () => {
  for (const flag of [
    "name",
    "data-dir",
    "initial-cluster",
    "listen-metrics-urls",
    "advertise-client-urls",
    "log-level",
    "force-new-cluster",
    "expected-cluster-id",
    "metrics",
    "auto-compaction-retention",
    "peer-cert-allowed-cn",
    "auth-token",
  ]) {
    test(`${flag} is one`, () => assert.ok(isReservedFlag(flag)));
  }
  for (const flag of ["max-request-bytes", "max-txn-ops", "grpc-keepalive-timeout"]) {
    test(`${flag} is none`, () => assert.equal(isReservedFlag(flag), false));
  }
});
