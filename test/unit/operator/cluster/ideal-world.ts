/** A world in which every step does at once what it is for, and nothing fails: for the order of steps from one state of rest to the next. */
import type {
  EtcdCluster,
  EtcdClusterSpec,
  EtcdMember,
} from "../../../../operator/api/v1alpha1/types.ts";
import type {
  ListedMember,
  MemberStatusAnswer,
  Observed,
  ObservedMember,
} from "../../../../operator/cluster/observed.ts";
import { plan } from "../../../../operator/cluster/plan.ts";
import type { EtcdRequest, Step } from "../../../../operator/cluster/step.ts";
import { noTlsFacts } from "../../../../operator/cluster/tls/facts.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import { clusterOf } from "../../../operator/model/objects.ts";
import { brief, context, now } from "./lab.ts";

export class IdealWorld {
  cluster: EtcdCluster;
  private members: ObservedMember[] = [];
  private list: ListedMember[] = [];
  private leader: string | undefined;
  private readonly objects = new Map<string, KubernetesObject>();
  private drawn = 0;
  /** The most voters and the fewest serving ones that were seen on the way. */
  readonly voterCounts: number[] = [];

  constructor(spec: Partial<EtcdClusterSpec>) {
    this.cluster = clusterOf(spec);
  }

  change(spec: Partial<EtcdClusterSpec>): void {
    this.cluster = { ...this.cluster, spec: { ...this.cluster.spec, ...spec } };
  }

  /** Steps until there is none, in short, Services and budget left out. */
  run(): string[] {
    const steps: string[] = [];
    for (let at = 0; at < 300; at += 1) {
      const planned = plan(this.observe(), {
        ...context,
        candidateMemberName: `etcd-m${this.drawn}`,
      });
      if (planned.kind !== "step") return [...steps, brief(planned)];
      if (planned.step.kind !== "apply" || planned.step.object.kind === "EtcdMember") {
        steps.push(brief(planned));
      }
      this.carryOut(planned.step);
      this.voterCounts.push(this.list.filter(({ isLearner }) => !isLearner).length);
    }
    throw new Error(`no rest: ${steps.slice(-10).join("; ")}`);
  }

  observe(): Observed {
    const answers = new Map(
      this.members.flatMap(({ member, pod }) => {
        const entry = this.entryOf(member);
        if (pod === undefined || entry === undefined) return [];
        return [[member.metadata.name, this.answerOf(entry)] as const];
      }),
    );
    const voters = this.list.filter(({ isLearner }) => !isLearner);
    const running = voters.filter((voter) =>
      this.members.some(({ member, pod }) => pod !== undefined && this.entryOf(member) === voter),
    );
    const hasQuorum = running.length > voters.length / 2;
    const common = {
      clusterId: "c1",
      list: this.list,
      answers,
      alarms: [],
      revision: 9,
      hashes: new Map(),
    };
    const etcd = hasQuorum
      ? ({ kind: "known", ...common } as const)
      : ({ kind: "unknown", reason: "no quorum", answers } as const);
    return {
      cluster: this.cluster,
      members: [...this.members].sort((a, b) =>
        a.member.metadata.name < b.member.metadata.name ? -1 : 1,
      ),
      peersService: this.objects.get("etcd-peers"),
      clientService: this.objects.get("etcd-client"),
      disruptionBudget: this.objects.get("budget"),
      secrets: new Map(),
      tls: noTlsFacts,
      proofs: new Map(),
      cronJobs: new Map(),
      maintenanceAccess: new Map(),
      maintenanceHolder: undefined,
      nodes: new Map([["node-1", { isReady: true, isOutOfService: false }]]),
      storageClasses: new Map(),
      foreign: [],
      etcd: answers.size === 0 ? { kind: "unasked" } : etcd,
    };
  }

  private carryOut(step: Step): void {
    switch (step.kind) {
      case "latch-cluster":
        this.cluster = {
          ...this.cluster,
          status: { ...this.cluster.status, ...withoutNulls(step.fields) },
        };
        return;
      case "latch-member":
        this.members = this.members.map((seen) =>
          seen.member.metadata.name === step.memberName
            ? {
                ...seen,
                member: { ...seen.member, status: { ...seen.member.status, ...step.fields } },
              }
            : seen,
        );
        return;
      case "create":
      case "apply":
        this.put(step.object);
        return;
      case "delete":
        this.remove(step.object);
        return;
      case "etcd":
        this.request(step.request);
        return;
      case "issue":
        throw new Error("there is no TLS in this world");
    }
  }

  private put(object: KubernetesObject): void {
    const { name } = object.metadata;
    switch (object.kind) {
      case "Service":
        this.objects.set(name, object);
        return;
      case "PodDisruptionBudget":
        this.objects.set("budget", object);
        return;
      case "EtcdMember":
        this.putMember(object as EtcdMember);
        return;
      case "PersistentVolumeClaim":
        this.members = this.members.map((seen) =>
          `data-${seen.member.metadata.name}` === name
            ? { ...seen, volumeClaim: withUid(object) }
            : seen,
        );
        return;
      default:
        this.start(object);
    }
  }

  private putMember(object: EtcdMember): void {
    const { name } = object.metadata;
    const before = this.members.find(({ member }) => member.metadata.name === name);
    if (before === undefined) {
      this.drawn += 1;
      const member = withUid(object);
      const creationTimestamp = new Date(Date.parse(now) + this.drawn * 1000).toISOString();
      this.members.push({
        member: { ...member, metadata: { ...member.metadata, creationTimestamp } },
        pod: undefined,
        volumeClaim: undefined,
      });
      return;
    }
    this.members = this.members.map((seen) =>
      seen === before
        ? {
            ...seen,
            member: { ...seen.member, spec: { ...seen.member.spec, image: object.spec.image } },
          }
        : seen,
    );
  }

  private start(pod: KubernetesObject): void {
    const ready = {
      phase: "Running",
      podIP: "10.0.0.1",
      conditions: [{ type: "Ready", status: "True" }],
      containerStatuses: [{ started: true, restartCount: 0 }],
    };
    this.members = this.members.map((seen) => {
      if (seen.member.metadata.name !== pod.metadata.name) return seen;
      if (this.list.length === 0) this.add(seen.member.spec.peerURL, false);
      return { ...seen, pod: { ...withUid(pod), status: ready } };
    });
    this.elect();
  }

  private remove(object: KubernetesObject): void {
    const { name } = object.metadata;
    if (object.kind === "EtcdMember") {
      this.members = this.members.filter(({ member }) => member.metadata.name !== name);
    } else if (object.kind === "Pod") {
      this.members = this.members.map((seen) =>
        seen.member.metadata.name === name ? { ...seen, pod: undefined } : seen,
      );
    } else {
      this.members = this.members.map((seen) =>
        seen.volumeClaim?.metadata.name === name ? { ...seen, volumeClaim: undefined } : seen,
      );
    }
    this.elect();
  }

  private request(request: EtcdRequest): void {
    switch (request.kind) {
      case "add-learner":
        this.add(request.peerUrl, true);
        return;
      case "promote":
        this.list = this.list.map((entry) =>
          entry.id === request.memberId ? { ...entry, isLearner: false } : entry,
        );
        return;
      case "remove":
        this.list = this.list.filter(({ id }) => id !== request.memberId);
        this.elect();
        return;
      case "move-leader":
        this.leader = request.toMemberId;
        return;
      default:
        throw new Error(`not in this world: ${request.kind}`);
    }
  }

  private add(peerUrl: string, isLearner: boolean): void {
    const name = peerUrl.replace(/^\w+:\/\//, "").split(".")[0] ?? "";
    this.list = [
      ...this.list,
      { id: `f${name.replace(/\D/g, "")}`, name, peerUrls: [peerUrl], isLearner },
    ];
  }

  /** The one that leads, as long as it runs; otherwise the first voter that does. */
  private elect(): void {
    const able = this.members.flatMap(({ member, pod }) => {
      const entry = this.entryOf(member);
      return pod === undefined || entry === undefined || entry.isLearner ? [] : [entry.id];
    });
    if (!able.includes(this.leader ?? "")) this.leader = able[0];
  }

  private entryOf({ spec }: EtcdMember): ListedMember | undefined {
    return this.list.find(({ peerUrls }) => peerUrls.includes(spec.peerURL));
  }

  private answerOf({ id, isLearner }: ListedMember): MemberStatusAnswer {
    return {
      kind: "answered",
      memberId: id,
      clusterId: "c1",
      leaderId: this.leader ?? "",
      version: "3.7.1",
      raftTerm: 2,
      raftIndex: 100,
      raftAppliedIndex: 100,
      dbSizeBytes: 1,
      dbSizeInUseBytes: 1,
      isLearner,
      errors: [],
    };
  }
}

function withUid<Thing extends KubernetesObject>(object: Thing): Thing {
  const { name } = object.metadata;
  return {
    ...object,
    metadata: { ...object.metadata, uid: `${object.kind}-${name}`, resourceVersion: "1" },
  };
}

function withoutNulls(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
