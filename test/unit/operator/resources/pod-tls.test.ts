/** A member's pod with certificates, and that the node takes what it is told: its own reader of flags reads them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { type Config, checkConfig } from "../../../../node/config/config.ts";
import { parseOptions } from "../../../../node/config/parse.ts";
import type { EtcdClusterSpec } from "../../../../operator/api/v1alpha1/types.ts";
import type { PodStart } from "../../../../operator/resources/flags.ts";
import { buildMember } from "../../../../operator/resources/member.ts";
import { buildPod } from "../../../../operator/resources/pod.ts";
import { endpointOf, peerUrlOf } from "../../../../operator/resources/urls.ts";
import { asCreated, clusterOf, context, defaultSpec } from "../../../operator/model/objects.ts";
import type { PodView } from "../../../operator/model/views.ts";

type Tls = EtcdClusterSpec["tls"];

const managed: Tls = { ...defaultSpec.tls, mode: "Managed" };
const provided: Tls = {
  ...defaultSpec.tls,
  mode: "Provided",
  provided: {
    serverSecretRef: { name: "my-server" },
    peerSecretRef: { name: "my-peer" },
    operatorSecretRef: { name: "my-operator" },
  },
};

function podOf(
  spec: Partial<EtcdClusterSpec>,
  start: Omit<PodStart, "initialCluster"> = {},
): PodView {
  const cluster = clusterOf(spec);
  const built = buildMember(cluster, { name: "etcd-abcde", bootstrap: "NewCluster", ...context });
  const member = asCreated(built, "member-uid");
  const peerUrl = peerUrlOf(cluster, "etcd-abcde", context.clusterDomain);
  const members = [{ name: "etcd-abcde", peerUrl }];
  return buildPod(cluster, member, {
    initialCluster: { state: "existing", members },
    ...start,
  }) as PodView;
}

const argsOf = (pod: PodView): readonly string[] => pod.spec.containers[0].args;

function configOf(pod: PodView): Config {
  const parsed = parseOptions(argsOf(pod), {});
  assert.ok(parsed.kind === "ok", "problems" in parsed ? parsed.problems.join() : parsed.kind);
  const checked = checkConfig(parsed.values, parsed.given, parsed.notices);
  assert.ok(checked.kind === "ok", "problems" in checked ? checked.problems.join() : "");
  return checked.config;
}

describe("a member's pod with certificates of the operator", () => {
  const pod = podOf({ tls: managed });

  test("has the member's Secret as a directory, which the kubelet keeps up to date, and does not start without it", () => {
    assert.deepEqual(pod.spec.volumes[2], {
      name: "tls",
      secret: { secretName: "etcd-abcde-tls", defaultMode: 0o440, optional: false },
    });
    const mounts = pod.spec.containers[0]["volumeMounts"] as readonly unknown[];
    assert.deepEqual(mounts[2], { name: "tls", mountPath: "/etc/etcd/tls", readOnly: true });
    assert.doesNotMatch(JSON.stringify(pod), /subPath/);
  });

  test("serves clients and peers by https alone, and asks both for certificates", () => {
    const { listenClient, listenPeer, advertiseClientUrls, clientTls, peerTls } = configOf(pod);
    assert.deepEqual(listenClient, [{ host: "0.0.0.0", port: 2379, isSecure: true }]);
    assert.deepEqual(listenPeer, [{ host: "0.0.0.0", port: 2380, isSecure: true }]);
    assert.deepEqual(advertiseClientUrls, [
      "https://etcd-abcde.etcd-peers.prod.svc.cluster.local:2379",
    ]);
    assert.equal(clientTls?.certFile, "/etc/etcd/tls/server.crt");
    assert.equal(clientTls.keyFile, "/etc/etcd/tls/server.key");
    assert.equal(clientTls.trustedCaFile, "/etc/etcd/tls/ca.crt");
    assert.equal(clientTls.clientCertAuth, true);
    assert.equal(peerTls?.certFile, "/etc/etcd/tls/peer.crt");
    assert.equal(peerTls.keyFile, "/etc/etcd/tls/peer.key");
    assert.equal(peerTls.trustedCaFile, "/etc/etcd/tls/ca.crt");
    assert.equal(peerTls.clientCertAuth, true);
    assert.deepEqual(peerTls.allowedCns, ["etcd.prod.etcd-peer"]);
    assert.equal(endpointOf(clusterOf({ tls: managed })), "https://etcd-client.prod.svc:2379");
  });

  test("is asked for its health without a certificate", () => {
    const plain = { host: "0.0.0.0", port: 2381, isSecure: false };
    assert.deepEqual(configOf(pod).listenMetrics, [plain]);
  });

  test("asks no client for a certificate when none is demanded: it is told no CA then either", () => {
    const tls = { ...managed, client: { requireClientCert: false } };
    const { clientTls, peerTls } = configOf(podOf({ tls }));
    assert.equal(clientTls?.trustedCaFile, "");
    assert.equal(clientTls.clientCertAuth, false);
    assert.equal(peerTls?.clientCertAuth, true);
  });
});

describe("a member's pod with certificates of the user", () => {
  test("has both Secrets in one directory, each with its own CA", () => {
    const [, , volume] = podOf({ tls: provided }).spec.volumes;
    const items = (side: string): unknown => [
      { key: "tls.crt", path: `${side}.crt` },
      { key: "tls.key", path: `${side}.key` },
      { key: "ca.crt", path: `${side}-ca.crt` },
    ];
    assert.deepEqual(volume, {
      name: "tls",
      projected: {
        defaultMode: 0o440,
        sources: [
          { secret: { name: "my-server", optional: false, items: items("server") } },
          { secret: { name: "my-peer", optional: false, items: items("peer") } },
        ],
      },
    });
    const { clientTls, peerTls } = configOf(podOf({ tls: provided }));
    assert.equal(clientTls?.trustedCaFile, "/etc/etcd/tls/server-ca.crt");
    assert.equal(peerTls?.trustedCaFile, "/etc/etcd/tls/peer-ca.crt");
  });

  test("lets in the peers' name that the user says, and every one of the CA otherwise", () => {
    assert.deepEqual(configOf(podOf({ tls: provided })).peerTls?.allowedCns, []);
    const named = { ...provided, peer: { allowedCommonName: "my-peers" } };
    assert.deepEqual(configOf(podOf({ tls: named })).peerTls?.allowedCns, ["my-peers"]);
  });
});

describe("a member's pod without TLS", () => {
  test("has neither volume nor flag of it", () => {
    const pod = podOf({});
    assert.doesNotMatch(JSON.stringify(pod), /tls|cert/);
    const { clientTls, peerTls } = configOf(pod);
    assert.deepEqual([clientTls, peerTls], [undefined, undefined]);
  });
});

describe("what a pod is told of its cluster", () => {
  test("is its latched id, so that an empty volume founds no other", () => {
    const { raw } = configOf(podOf({}, { expectedClusterId: "cdf818194e3a8c32" }));
    assert.equal(String(raw["expected-cluster-id"]), String(0xcdf818194e3a8c32n));
  });

  test("is to go on alone once: no restart in place, and a mark by which it is replaced", () => {
    const pod = podOf({}, { forceNewCluster: true });
    assert.equal(configOf(pod).forceNewCluster, true);
    assert.equal(pod.spec["restartPolicy"], "Never");
    assert.equal(pod.metadata.annotations["etcd-ts.dev/force-new-cluster"], "true");
  });

  test("is none of that otherwise", () => {
    const pod = podOf({});
    assert.equal(configOf(pod).forceNewCluster, false);
    assert.equal(pod.spec["restartPolicy"], "Always");
    assert.deepEqual(Object.keys(pod.metadata.annotations), ["etcd-ts.dev/template-hash"]);
  });

  test("with all options of spec.etcd is understood by the node", () => {
    const config = configOf(
      podOf({
        tls: managed,
        etcd: {
          quotaBackendBytes: 4_294_967_296,
          snapshotCount: 5000,
          heartbeatIntervalMs: 200,
          electionTimeoutMs: 2000,
          logLevel: "debug",
          metrics: "Extensive",
          autoCompaction: { mode: "Periodic", retentionMinutes: 90 },
        },
      }),
    );
    assert.equal(config.metrics, "extensive");
    assert.deepEqual(config.autoCompaction, { mode: "periodic", retentionMs: 5_400_000 });
  });
});
