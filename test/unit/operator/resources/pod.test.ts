import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EtcdClusterSpec } from "../../../../operator/api/v1alpha1/types.ts";
import { buildMember } from "../../../../operator/resources/member.ts";
import { buildPod } from "../../../../operator/resources/pod.ts";
import { asCreated, clusterOf, context } from "../../../operator/model/objects.ts";
import type { ContainerView, PodView } from "../../../operator/model/views.ts";

const peerUrl = "http://etcd-abcde.etcd-peers.prod.svc.cluster.local:2380";

function podOf(spec: Partial<EtcdClusterSpec> = {}, state: "new" | "existing" = "new"): PodView {
  const cluster = clusterOf(spec);
  const member = buildMember(cluster, { name: "etcd-abcde", bootstrap: "NewCluster", ...context });
  const initialCluster = { state, members: [{ name: "etcd-abcde", peerUrl }] };
  return buildPod(cluster, asCreated(member, "member-uid"), { initialCluster }) as PodView;
}

const argsOf = (pod: PodView): readonly string[] => pod.spec.containers[0].args;

describe("a member's pod", () => {
  test("runs etcd-ts with the member's identity", () => {
    assert.deepEqual(argsOf(podOf()), [
      "--name=etcd-abcde",
      "--data-dir=/var/lib/etcd/data",
      "--listen-peer-urls=http://0.0.0.0:2380",
      "--listen-client-urls=http://0.0.0.0:2379",
      "--listen-metrics-urls=http://0.0.0.0:2381",
      "--advertise-client-urls=http://etcd-abcde.etcd-peers.prod.svc.cluster.local:2379",
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=etcd-abcde=${peerUrl}`,
      "--initial-cluster-token=prod/etcd/cluster-uid",
      "--initial-cluster-state=new",
    ]);
    assert.deepEqual(podOf().spec.containers[0].command, ["etcd-ts"]);
  });

  test("takes the options of spec.etcd, and extraArgs after them, by name", () => {
    const args = argsOf(
      podOf({
        etcd: {
          quotaBackendBytes: 4_294_967_296,
          snapshotCount: 5000,
          heartbeatIntervalMs: 200,
          electionTimeoutMs: 2000,
          logLevel: "debug",
          autoCompaction: { mode: "Periodic", retentionMinutes: 90 },
          metrics: "Extensive",
          extraArgs: { "max-txn-ops": "256", "max-request-bytes": "3145728" },
        },
      }),
    );
    assert.deepEqual(args.slice(10), [
      "--quota-backend-bytes=4294967296",
      "--snapshot-count=5000",
      "--heartbeat-interval=200",
      "--election-timeout=2000",
      "--log-level=debug",
      "--auto-compaction-mode=periodic",
      "--auto-compaction-retention=90m",
      "--metrics=extensive",
      "--max-request-bytes=3145728",
      "--max-txn-ops=256",
    ]);
  });

  test("compacts by revisions when asked so, and has no flag for what is etcd's default", () => {
    const etcd = { autoCompaction: { mode: "Revision", retentionRevisions: 500 } } as const;
    const args = argsOf(podOf({ etcd: { ...etcd, metrics: "Basic" } }));
    assert.deepEqual(args.slice(10), [
      "--auto-compaction-mode=revision",
      "--auto-compaction-retention=500",
    ]);
  });

  for (const flag of ["name", "initial-cluster-state", "log-level", "listen-foo", "data-dir"]) {
    test(`is not built with --${flag} among the extraArgs`, () => {
      assert.throws(() => podOf({ etcd: { extraArgs: { [flag]: "x" } } }), /never override.*: /);
    });
  }

  test("has the DNS name that its peer URL says", () => {
    const { hostname, subdomain } = podOf().spec;
    assert.equal(`http://${hostname}.${subdomain}.prod.svc.cluster.local:2380`, peerUrl);
  });

  test("belongs to its EtcdMember, by uid", () => {
    assert.deepEqual(podOf().metadata.ownerReferences, [
      {
        apiVersion: "etcd-ts.dev/v1alpha1",
        kind: "EtcdMember",
        name: "etcd-abcde",
        uid: "member-uid",
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
  });

  test("is asked on the metrics port whether it lives and is ready", () => {
    const { startupProbe, livenessProbe, readinessProbe, ports } = podOf().spec.containers[0];
    for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
      assert.equal(probe.httpGet.port, "metrics");
    }
    assert.equal(startupProbe.httpGet.path, "/livez");
    assert.equal(livenessProbe.httpGet.path, "/livez");
    assert.equal(readinessProbe.httpGet.path, "/readyz");
    assert.ok(startupProbe.periodSeconds * startupProbe.failureThreshold >= 1800);
    assert.equal(ports.find(({ name }) => name === "metrics")?.containerPort, 2381);
  });

  test("keeps its data on its claim, and has a writable /tmp", () => {
    const { volumes, containers } = podOf().spec;
    assert.deepEqual(volumes, [
      { name: "data", persistentVolumeClaim: { claimName: "data-etcd-abcde" } },
      { name: "tmp", emptyDir: {} },
    ]);
    assert.deepEqual(containers[0]["volumeMounts"], [
      { name: "data", mountPath: "/var/lib/etcd" },
      { name: "tmp", mountPath: "/tmp" },
    ]);
  });

  test("takes what the user asks of pods, but for the operator's own labels", () => {
    const pod = podOf({
      image: {
        repository: "registry.example/etcd-ts",
        tag: "2.0",
        pullPolicy: "Always",
        pullSecrets: [{ name: "pull" }],
      },
      pod: {
        affinityPreset: "Hard",
        terminationGracePeriodSeconds: 90,
        resources: { limits: { memory: "1Gi" } },
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: "topology.kubernetes.io/zone",
            whenUnsatisfiable: "DoNotSchedule",
          },
        ],
        priorityClassName: "high",
        nodeSelector: { disk: "ssd" },
        tolerations: [{ key: "etcd", operator: "Exists" }],
        labels: { team: "storage", "etcd-ts.dev/cluster": "another" },
        annotations: { note: "x" },
      },
    });
    const { spec, metadata } = pod;
    const [container] = spec.containers;
    const selector = {
      matchLabels: { "etcd-ts.dev/cluster": "etcd", "app.kubernetes.io/component": "member" },
    };
    assert.equal(container.image, "registry.example/etcd-ts:2.0");
    assert.equal(container["imagePullPolicy"], "Always");
    assert.deepEqual(container["resources"], { limits: { memory: "1Gi" } });
    assert.deepEqual(spec["imagePullSecrets"], [{ name: "pull" }]);
    assert.equal(spec["terminationGracePeriodSeconds"], 90);
    assert.equal(spec["priorityClassName"], "high");
    assert.deepEqual(spec["nodeSelector"], { disk: "ssd" });
    assert.deepEqual(spec["tolerations"], [{ key: "etcd", operator: "Exists" }]);
    assert.deepEqual(spec.topologySpreadConstraints?.[0]?.labelSelector, selector);
    assert.deepEqual(
      spec.affinity?.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution?.[0]
        ?.labelSelector,
      selector,
    );
    assert.equal(metadata.labels!["team"], "storage");
    assert.equal(metadata.labels!["etcd-ts.dev/cluster"], "etcd");
    assert.equal(metadata.annotations["note"], "x");
  });

  test("of several members keeps to the zone with the fewest, where it can", () => {
    const selector = {
      matchLabels: { "etcd-ts.dev/cluster": "etcd", "app.kubernetes.io/component": "member" },
    };
    assert.deepEqual(podOf({ replicas: 3 }).spec.topologySpreadConstraints, [
      {
        maxSkew: 1,
        topologyKey: "topology.kubernetes.io/zone",
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: selector,
      },
    ]);
  });

  const spread = { terminationGracePeriodSeconds: 60, affinityPreset: "Soft" } as const;
  for (const [what, spec] of Object.entries<Partial<EtcdClusterSpec>>({
    "there is one member": { replicas: 1 },
    "the user wants no constraint": {
      replicas: 3,
      pod: { ...spread, topologySpreadConstraints: [] },
    },
    "members may lie together": { replicas: 3, pod: { ...spread, affinityPreset: "None" } },
  })) {
    test(`looks at no zones when ${what}`, () => {
      assert.equal(podOf(spec).spec.topologySpreadConstraints, undefined);
    });
  }

  test("keeps off the nodes of other members where it can, and not at all when asked so", () => {
    assert.ok(
      podOf().spec.affinity?.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution,
    );
    const none = podOf({ pod: { affinityPreset: "None", terminationGracePeriodSeconds: 60 } });
    assert.equal(none.spec.affinity, undefined);
  });

  test("has no hook that could touch the membership", () => {
    assert.equal(podOf().spec.containers[0]["lifecycle"], undefined);
  });
});

/** Each control of the profile, as in Kubernetes' documentation of the Pod Security Standards; the baseline profile's are part of it. */
const restricted: Readonly<
  Record<
    string,
    (spec: PodView["spec"], container: ContainerView, metadata: PodView["metadata"]) => boolean
  >
> = {
  "HostProcess is off": (spec, container) =>
    spec.securityContext["windowsOptions"] === undefined &&
    container.securityContext["windowsOptions"] === undefined,
  "no host namespaces": (spec) =>
    [spec["hostNetwork"], spec["hostPID"], spec["hostIPC"]].every((value) => value !== true),
  "not privileged": (_spec, container) => container.securityContext["privileged"] !== true,
  "all capabilities dropped, none added": (_spec, container) =>
    container.securityContext.capabilities.drop.includes("ALL") &&
    container.securityContext.capabilities.add === undefined,
  "volumes of the allowed types only": (spec) =>
    spec.volumes.every((volume) =>
      Object.keys(volume).every((key) =>
        [
          "name",
          "configMap",
          "csi",
          "downwardAPI",
          "emptyDir",
          "ephemeral",
          "persistentVolumeClaim",
          "projected",
          "secret",
        ].includes(key),
      ),
    ),
  "no host ports": (_spec, container) =>
    container.ports.every((port) => port.hostPort === undefined),
  "no host in probes and hooks": (_spec, container) =>
    (["startupProbe", "livenessProbe", "readinessProbe"] as const).every(
      (probe) => container[probe].httpGet.host === undefined,
    ) && container["lifecycle"] === undefined,
  "AppArmor at its default": (spec, container, metadata) =>
    spec.securityContext["appArmorProfile"] === undefined &&
    container.securityContext["appArmorProfile"] === undefined &&
    Object.keys(metadata.annotations).every((key) => !key.includes("apparmor")),
  "SELinux at its default": (spec, container) =>
    spec.securityContext["seLinuxOptions"] === undefined &&
    container.securityContext["seLinuxOptions"] === undefined,
  "/proc mounted as usual": (_spec, container) =>
    container.securityContext["procMount"] === undefined,
  "no sysctls": (spec) => spec.securityContext["sysctls"] === undefined,
  "no privilege escalation": (_spec, container) =>
    container.securityContext["allowPrivilegeEscalation"] === false,
  "not root": (spec, container) =>
    spec.securityContext["runAsNonRoot"] === true &&
    container.securityContext["runAsNonRoot"] !== false,
  "no root user": (spec, container) =>
    spec.securityContext.runAsUser > 0 && container.securityContext["runAsUser"] !== 0,
  "seccomp RuntimeDefault": (spec, container) =>
    spec.securityContext.seccompProfile.type === "RuntimeDefault" &&
    container.securityContext["seccompProfile"] === undefined,
};

describe("a member's pod passes the Pod Security Standards' restricted profile", () => {
  for (const [control, holds] of Object.entries(restricted)) {
    test(control, () => {
      const { spec, metadata } = podOf();
      assert.equal(spec.containers.length, 1);
      assert.equal(spec["initContainers"], undefined);
      assert.equal(spec["ephemeralContainers"], undefined);
      assert.ok(holds(spec, spec.containers[0], metadata));
    });
  }

  test("and more: a read-only root, no service account token, no service variables", () => {
    const { spec } = podOf();
    assert.equal(spec.containers[0].securityContext["readOnlyRootFilesystem"], true);
    assert.equal(spec["automountServiceAccountToken"], false);
    assert.equal(spec["enableServiceLinks"], false);
    assert.equal(spec.securityContext["fsGroupChangePolicy"], "OnRootMismatch");
  });
});
