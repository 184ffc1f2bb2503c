/** Builds what an operator sees of a cluster whose members are as a test says, from the objects that the operator itself would have made. */
import type {
  EtcdCluster,
  EtcdClusterSpec,
  EtcdClusterStatus,
  EtcdMember,
} from "../../../../operator/api/v1alpha1/types.ts";
import type {
  EtcdView,
  ListedAlarm,
  ListedMember,
  MemberStatusAnswer,
  NodeView,
  Observed,
  ObservedMember,
  PlanContext,
  StoreHash,
} from "../../../../operator/cluster/observed.ts";
import { plan } from "../../../../operator/cluster/plan.ts";
import type { Plan } from "../../../../operator/cluster/step.ts";
import { noTlsFacts } from "../../../../operator/cluster/tls/facts.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import { buildMember } from "../../../../operator/resources/member.ts";
import { buildPod } from "../../../../operator/resources/pod.ts";
import { buildVolumeClaim } from "../../../../operator/resources/volume-claim.ts";
import { context as baseContext, clusterOf } from "../../../operator/model/objects.ts";

export const now = "2026-01-01T12:00:00Z";
export const minutesAgo = (minutes: number): string =>
  new Date(Date.parse(now) - minutes * 60_000).toISOString().replace(".000", "");
export const context: PlanContext = { ...baseContext, candidateMemberName: "etcd-new", now };

/** A bound claim of the class "fast". */
export interface ClaimSketch {
  readonly requested: string;
  /** As large as requested by default. */
  readonly capacity?: string;
  readonly className?: string;
  readonly status?: Readonly<Record<string, unknown>>;
}

/** A member that is fine unless a field says otherwise: a voter with a ready Pod that answers, which has the whole log and its own volume. */
export interface Sketch {
  readonly role?: "voter" | "learner" | "unlisted";
  /** The latched id; null where none is. */
  readonly id?: string | null;
  readonly listedId?: string;
  /** Name in the list: empty for one that never started. */
  readonly listedName?: string;
  readonly pod?: "ready" | "unready" | "pending" | "terminating" | "crashing" | "failed" | "absent";
  /** By default as its Pod is ready. */
  readonly answers?: boolean;
  readonly volume?: "own" | "gone" | "other" | "going" | "never";
  /** What the claim is like beside its being there: spec and status of Kubernetes. */
  readonly claim?: ClaimSketch;
  readonly podCreatedAt?: string;
  readonly downSince?: string;
  readonly createdAt?: string;
  /** Entries that it lacks. */
  readonly lag?: number;
  readonly isOutdated?: boolean;
  readonly isForced?: boolean;
  readonly node?: string;
  readonly bootstrap?: "NewCluster" | "JoinExisting";
  readonly dbSizeBytes?: number;
  readonly leaderId?: string;
  readonly podStatus?: Readonly<Record<string, unknown>>;
  readonly isGoing?: boolean;
}

export interface Surroundings {
  readonly spec?: Partial<EtcdClusterSpec>;
  readonly status?: EtcdClusterStatus;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Short name; the first member by default. Null: nobody leads. */
  readonly leader?: string | null;
  readonly etcd?: "known" | "unknown" | "unasked";
  readonly strangers?: readonly ListedMember[];
  readonly alarms?: readonly ListedAlarm[];
  readonly hashes?: Readonly<Record<string, StoreHash>>;
  readonly maintenance?: string;
  readonly nodes?: Readonly<Record<string, NodeView>>;
  readonly provisioner?: string;
  /** By name: whether claims of it may grow. */
  readonly storageClasses?: Readonly<Record<string, boolean>>;
  /** Services and budget as they are; otherwise as the plan wants them. */
  readonly isBare?: boolean;
}

const committed = 100_000;
const idOf = (name: string): string => `${name}1`;

/** Keys are short names: member "a" is EtcdMember etcd-a with id a1. spec.replicas is the number of members unless `spec` says otherwise. */
export function clusterWith(
  members: Readonly<Record<string, Sketch>>,
  around: Surroundings = {},
): Observed {
  const spec = { replicas: Object.keys(members).length, ...around.spec };
  const bare = clusterOf(spec, {
    clusterID: "c1",
    seedMember: "etcd-a",
    ...around.status,
  });
  const cluster = {
    ...bare,
    metadata: { ...bare.metadata, annotations: around.annotations ?? {} },
  };
  const observed: Observed = {
    cluster,
    members: Object.entries(members).map(([name, sketch]) => seenOf(cluster, name, sketch, around)),
    peersService: undefined,
    clientService: undefined,
    disruptionBudget: undefined,
    secrets: new Map(),
    tls: noTlsFacts,
    proofs: new Map(),
    cronJobs: new Map(),
    maintenanceAccess: new Map(),
    maintenanceHolder: around.maintenance,
    nodes: new Map(Object.entries(around.nodes ?? {})),
    storageClasses: new Map(
      Object.entries(around.storageClasses ?? {}).map(
        ([name, mayExpand]) => [name, { mayExpand }] as const,
      ),
    ),
    foreign: [],
    etcd: etcdOf(cluster, members, around),
  };
  return around.isBare === true ? observed : withServices(observed);
}

/** With Services and budget as the plan wants them. */
function withServices(observed: Observed): Observed {
  const planned = plan(observed, context);
  if (planned.kind !== "step" || planned.step.kind !== "apply") return observed;
  const { object } = planned.step;
  switch (object.kind) {
    case "Service":
      return withServices(
        object.metadata.name === "etcd-peers"
          ? { ...observed, peersService: object }
          : { ...observed, clientService: object },
      );
    case "PodDisruptionBudget":
      return withServices({ ...observed, disruptionBudget: object });
    default:
      return observed;
  }
}

/** n healthy members a, b, c, of which a leads. */
export function healthy(replicas: number, around: Surroundings = {}): Observed {
  return clusterWith(fine(replicas), around);
}

export function fine(replicas: number): Record<string, Sketch> {
  return Object.fromEntries(
    ["a", "b", "c", "d", "e", "f", "g"].slice(0, replicas).map((name) => [name, {}]),
  );
}

/** What the plan comes to, in short: "etcd remove b1", "delete Pod etcd-b", "wait PodPending". */
export function next(observed: Observed, at: PlanContext = context): string {
  return brief(plan(observed, at));
}

export function brief(planned: Plan): string {
  if (planned.kind === "done") return "done";
  if (planned.kind !== "step") return `${planned.kind} ${planned.reason}`;
  const { step } = planned;
  switch (step.kind) {
    case "latch-cluster":
    case "latch-member":
      return `${step.kind} ${Object.keys(step.fields).join()}`;
    case "etcd": {
      const { kind, ...rest } = step.request;
      return `etcd ${kind} ${Object.values(rest).join(" ")}`;
    }
    case "issue":
      return `issue ${step.secretName}`;
    default:
      return `${step.kind} ${step.object.kind} ${step.object.metadata.name}`;
  }
}

function seenOf(
  cluster: EtcdCluster,
  short: string,
  sketch: Sketch,
  around: Surroundings,
): ObservedMember {
  const isUnborn = sketch.role === "unlisted" && sketch.id === undefined;
  const { volume = isUnborn ? "never" : "own" } = sketch;
  const member = memberOf(cluster, short, sketch, volume);
  const name = member.metadata.name;
  const claim = { ...buildVolumeClaim(cluster, member) };
  const volumeClaim: KubernetesObject = {
    ...claim,
    metadata: {
      ...claim.metadata,
      uid: volume === "other" ? "uid-of-another" : `claim-${name}`,
      ...(volume === "going" ? { deletionTimestamp: now } : {}),
      annotations:
        around.provisioner === undefined
          ? {}
          : { "volume.kubernetes.io/storage-provisioner": around.provisioner },
    },
    ...(sketch.claim === undefined ? {} : claimFields(claim["spec"] as object, sketch.claim)),
  };
  return {
    member,
    pod: podOf(cluster, member, sketch),
    volumeClaim: volume === "gone" || volume === "never" ? undefined : volumeClaim,
  };
}

function claimFields(spec: object, claim: ClaimSketch): Readonly<Record<string, unknown>> {
  const { requested, capacity = requested, className = "fast", status } = claim;
  return {
    spec: {
      ...spec,
      storageClassName: className,
      resources: { requests: { storage: requested } },
    },
    status: { phase: "Bound", capacity: { storage: capacity }, ...status },
  };
}

function memberOf(
  cluster: EtcdCluster,
  short: string,
  sketch: Sketch,
  volume: Sketch["volume"],
): EtcdMember {
  const name = `etcd-${short}`;
  // Made before another image was asked for.
  const spec = { ...cluster.spec, image: {} };
  const built = buildMember(
    { ...cluster, spec },
    {
      name,
      bootstrap: sketch.bootstrap ?? (short === "a" ? "NewCluster" : "JoinExisting"),
      clusterDomain: "cluster.local",
      defaultImage: "localhost/etcd-ts:1.0",
    },
  );
  const id = sketch.id === undefined && sketch.role !== "unlisted" ? idOf(short) : sketch.id;
  return {
    ...built,
    metadata: {
      ...built.metadata,
      uid: `uid-${name}`,
      generation: 1,
      resourceVersion: "1",
      creationTimestamp: sketch.createdAt ?? minutesAgo(sketch.role === "learner" ? 5 : 600),
      ...(sketch.isGoing === true ? { deletionTimestamp: now } : {}),
    },
    status: {
      ...(id === undefined || id === null ? {} : { memberID: id }),
      ...(volume === "never" ? {} : { volumeClaimUID: `claim-${name}` }),
      ...(sketch.downSince === undefined ? {} : { downSince: sketch.downSince }),
    },
  };
}

function podOf(
  cluster: EtcdCluster,
  member: EtcdMember,
  sketch: Sketch,
): KubernetesObject | undefined {
  const { pod = sketch.role === "unlisted" ? "absent" : "ready" } = sketch;
  if (pod === "absent") return undefined;
  const spec =
    sketch.isOutdated === true ? { ...cluster.spec, etcd: { snapshotCount: 7 } } : cluster.spec;
  const built = buildPod({ ...cluster, spec }, member, {
    initialCluster: { state: "existing", members: [] },
    ...(sketch.isForced === true ? { forceNewCluster: true } : {}),
  });
  const isReady = pod === "ready" || pod === "terminating";
  const running = {
    phase: "Running",
    podIP: "10.0.0.1",
    conditions: [
      { type: "Ready", status: isReady ? "True" : "False", lastTransitionTime: minutesAgo(30) },
    ],
    containerStatuses: [{ started: true, restartCount: pod === "crashing" ? 9 : 0 }],
  };
  const phase = pod === "pending" ? { phase: "Pending" } : { phase: "Failed", reason: "Evicted" };
  return {
    ...built,
    metadata: {
      ...built.metadata,
      uid: `pod-${member.metadata.name}`,
      ...(sketch.podCreatedAt === undefined ? {} : { creationTimestamp: sketch.podCreatedAt }),
      ...(pod === "terminating" ? { deletionTimestamp: now } : {}),
    },
    spec: { ...(built["spec"] as object), nodeName: sketch.node ?? "node-1" },
    status: sketch.podStatus ?? (pod === "pending" || pod === "failed" ? phase : running),
  };
}

function etcdOf(
  cluster: EtcdCluster,
  members: Readonly<Record<string, Sketch>>,
  around: Surroundings,
): EtcdView {
  if (around.etcd === "unasked") return { kind: "unasked" };
  const leader = around.leader === undefined ? Object.keys(members)[0] : around.leader;
  const answers = new Map(
    Object.entries(members).flatMap(([short, sketch]) => {
      const doesAnswer = sketch.answers ?? ["ready", undefined].includes(sketch.pod);
      if (sketch.role === "unlisted" && sketch.answers !== true) return [];
      return doesAnswer
        ? [[`etcd-${short}`, answerOf(short, sketch, leader ?? null)] as const]
        : [];
    }),
  );
  if (around.etcd === "unknown") return { kind: "unknown", reason: "no quorum", answers };
  const list = Object.entries(members).flatMap(([short, sketch]): ListedMember[] => {
    if (sketch.role === "unlisted") return [];
    const { spec } = memberOf(cluster, short, sketch, "own");
    return [
      {
        id: sketch.listedId ?? idOf(short),
        name: sketch.listedName ?? `etcd-${short}`,
        peerUrls: [spec.peerURL],
        isLearner: sketch.role === "learner",
      },
    ];
  });
  return {
    kind: "known",
    clusterId: "c1",
    list: [...list, ...(around.strangers ?? [])],
    answers,
    alarms: around.alarms ?? [],
    revision: 5_000,
    hashes: new Map(
      Object.entries(around.hashes ?? {}).map(([short, hash]) => [`etcd-${short}`, hash]),
    ),
  };
}

function answerOf(short: string, sketch: Sketch, leader: string | null): MemberStatusAnswer {
  return {
    kind: "answered",
    memberId: sketch.listedId ?? idOf(short),
    clusterId: "c1",
    leaderId: sketch.leaderId ?? (leader === null ? "" : idOf(leader)),
    version: "3.7.1",
    raftTerm: 2,
    raftIndex: committed - (sketch.lag ?? 0),
    raftAppliedIndex: committed - (sketch.lag ?? 0),
    dbSizeBytes: sketch.dbSizeBytes ?? 20_480,
    dbSizeInUseBytes: 16_384,
    isLearner: sketch.role === "learner",
    errors: [],
  };
}
