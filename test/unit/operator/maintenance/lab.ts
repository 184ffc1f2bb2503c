/** A run of maintenance in virtual time: the fake API server with one cluster of three members, and members that do as a test says. */
import { ClientError } from "../../../../node/client/client-error.ts";
import { etcdClusters, etcdMembers } from "../../../../operator/api/v1alpha1/names.ts";
import type { EtcdCluster, EtcdClusterStatus } from "../../../../operator/api/v1alpha1/types.ts";
import type { ListedAlarm, ListedMember } from "../../../../operator/cluster/observed.ts";
import { ApiClient } from "../../../../operator/kernel/api-client.ts";
import { eventResource } from "../../../../operator/kernel/event-recorder.ts";
import { leaseResource } from "../../../../operator/kernel/lease-lock.ts";
import type { Clock, Ports } from "../../../../operator/kernel/ports.ts";
import type { ResourceType } from "../../../../operator/kernel/resource.ts";
import type { Task } from "../../../../operator/maintenance/outcome.ts";
import { runMaintenance } from "../../../../operator/maintenance/run-maintenance.ts";
import type { MembersPort } from "../../../../operator/maintenance/run-ports.ts";
import type {
  EtcdSight,
  MemberAnswer,
  MemberState,
} from "../../../../operator/maintenance/sight.ts";
import { DirectTransport } from "../../../operator/direct-transport.ts";
import { FakeApi } from "../../../operator/fake-api.ts";
import type { FakeResource, StoredObject } from "../../../operator/fake-api-types.ts";
import { defaultSpec } from "../../../operator/model/objects.ts";
import { type ProcessView, VirtualTime } from "../../../operator/virtual-time.ts";

export type Maintenance = NonNullable<EtcdCluster["spec"]["maintenance"]>;

const schedule = { schedule: "@daily", timeZone: "Etc/UTC", isSuspended: false };

export const maintenance: Maintenance = {
  compaction: { ...schedule, timeoutSeconds: 600, keepMinutes: 5, keepRevisions: 100 },
  defrag: {
    ...schedule,
    timeoutSeconds: 3600,
    need: { freeBytes: "100Mi", freePercent: 50, quotaPercent: 80 },
    pauseBetweenSeconds: 30,
    maxP99Ms: 500,
    maxLeaderChanges: 0,
  },
};

export const mebibyte = 2 ** 20;
const namespace = "prod";
const names = ["db-a", "db-b", "db-c"] as const;
const idOf = (name: string): string => name.slice(-1).repeat(4);
const peerUrlOf = (name: string): string => `http://${name}.db-peers.prod.svc.cluster.local:2380`;

/** `leads`: db-b unless said otherwise. Files of 1000 MiB, of which 300 are in use. */
function stateOf(name: string): MemberState {
  return {
    kind: "answered",
    id: idOf(name),
    clusterId: "cafe",
    leaderId: idOf("db-b"),
    isLearner: false,
    raftTerm: 3,
    raftIndex: 50_000,
    raftAppliedIndex: 50_000,
    revision: 40_000,
    dbSizeBytes: 1000 * mebibyte,
    dbSizeInUseBytes: 300 * mebibyte,
    quotaBytes: 4096 * mebibyte,
  };
}

/** Members that answer from a table, and write down what is asked of them. */
export class ScriptedMembers implements MembersPort {
  readonly states = new Map<string, MemberAnswer>(names.map((name) => [name, stateOf(name)]));
  list: ListedMember[] = names.map((name) => {
    return { id: idOf(name), name, peerUrls: [peerUrlOf(name)], isLearner: false };
  });
  alarms: ListedAlarm[] = [];
  /** Every request that changes something: "compact db-b 39000". */
  readonly deeds: string[] = [];
  /** Called for each request; what it gives is waited for. */
  onDeed: (deed: string) => Promise<void> = () => Promise.resolve();
  /** Seconds that each disk write took since the start, by member. */
  readonly writes = new Map<string, number[]>(names.map((name) => [name, [0.001]]));
  readonly silentPorts = new Set<string>();

  change(name: string, fields: Partial<MemberState>): void {
    const before = this.states.get(name) ?? stateOf(name);
    if (before.kind === "answered") this.states.set(name, { ...before, ...fields });
  }

  changeAll(fields: Partial<MemberState>): void {
    for (const name of names) this.change(name, fields);
  }

  aim(): void {
    // Everything is asked by name.
  }

  look(): Promise<EtcdSight> {
    const list = { kind: "known", members: this.list } as const;
    return Promise.resolve({ answers: new Map(this.states), list, alarms: [...this.alarms] });
  }

  status(name: string): Promise<MemberAnswer> {
    return Promise.resolve(this.states.get(name) ?? { kind: "silent", reason: "unknown" });
  }

  exposition(name: string): Promise<string> {
    if (this.silentPorts.has(name)) return Promise.reject(new Error("connection refused"));
    const seconds = this.writes.get(name) ?? [];
    const lines = ["backend_commit", "wal_fsync"].flatMap((what) =>
      [0.001, 0.1, 0.5, 1, Infinity].map((bound) => {
        const le = bound === Infinity ? "+Inf" : String(bound);
        const count = seconds.filter((each) => each <= bound).length;
        return `etcd_disk_${what}_duration_seconds_bucket{le="${le}"} ${count}`;
      }),
    );
    return Promise.resolve(`${lines.join("\n")}\n`);
  }

  compact(name: string, revision: number): Promise<void> {
    return this.did(`compact ${name} ${revision}`);
  }

  async defragment(name: string): Promise<void> {
    await this.did(`defragment ${name}`);
    const state = this.states.get(name);
    if (state?.kind === "answered") this.change(name, { dbSizeBytes: state.dbSizeInUseBytes });
  }

  async disarmNoSpace(name: string, memberId: string): Promise<void> {
    await this.did(`disarm ${name} ${memberId}`);
    this.alarms = this.alarms.filter((alarm) => alarm.memberId !== memberId);
  }

  close(): void {
    // Nothing is open.
  }

  private did(deed: string): Promise<void> {
    this.deeds.push(deed);
    return this.onDeed(deed);
  }
}

export function refusal(text: string): ClientError {
  return new ClientError(11, text);
}

const fake = (resource: ResourceType, hasStatus: boolean): FakeResource => {
  return { ...resource, hasStatus };
};
const kinds = {
  clusters: fake(etcdClusters, true),
  members: fake(etcdMembers, true),
  leases: fake(leaseResource, false),
  events: fake(eventResource, false),
};

export interface LeaseFields {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly renewTime?: string;
}

export interface RealWorld {
  readonly ports: Pick<Ports, "clock" | "timers">;
  /** By the member's name. */
  readonly peerUrls: ReadonlyMap<string, string>;
}

/** A program that runs. */
export interface Started {
  readonly process: ProcessView;
  readonly stop: AbortController;
  /** Its exit code, once it has ended. */
  readonly ended: Promise<number>;
}

export class MaintenanceLab {
  readonly time = new VirtualTime();
  readonly api: FakeApi;
  readonly etcd = new ScriptedMembers();
  private readonly clock: Clock;
  private started = 0;

  /** `real`: for members that are processes, in real time. */
  constructor(fields: Partial<EtcdCluster["spec"]> = {}, real?: RealWorld) {
    const ports = real?.ports ?? { clock: this.time, timers: this.time };
    this.clock = ports.clock;
    this.api = new FakeApi(ports, Object.values(kinds));
    const apiVersion = "etcd-ts.dev/v1alpha1";
    const cluster = this.api.store.create(target("clusters", "db"), {
      apiVersion,
      kind: "EtcdCluster",
      metadata: { name: "db" },
      spec: { ...defaultSpec, replicas: 3, maintenance, ...fields },
    });
    this.setStatus({ clusterID: "cafe" });
    for (const name of names) {
      const owner = { apiVersion, kind: "EtcdCluster", name: "db", uid: cluster.metadata.uid };
      this.api.store.create(target("members", name), {
        apiVersion,
        kind: "EtcdMember",
        metadata: {
          name,
          labels: { "etcd-ts.dev/cluster": "db" },
          ownerReferences: [{ ...owner, controller: true }],
        },
        spec: {
          clusterName: "db",
          bootstrap: "JoinExisting",
          peerURL: real?.peerUrls.get(name) ?? peerUrlOf(name),
        },
      });
    }
  }

  start(task: Task): Started {
    this.started += 1;
    const process = this.time.process(this.started);
    const stop = new AbortController();
    const instance = `db-${task}-${this.started}`;
    const client = new ApiClient({
      transport: new DirectTransport(this.api, this.time, process, {
        isDown: false,
        latencyMs: () => 2,
      }),
      ports: process,
      timeoutMs: 10_000,
      readTries: 4,
      userAgent: "etcd-ts-operator/test",
    });
    const cluster = { namespace, name: "db" };
    const program = { client, ports: process, etcd: this.etcd, task, cluster, instance };
    const ended = runMaintenance({ ...program, identity: instance }, stop.signal);
    ended.catch(() => undefined);
    return { process, stop, ended };
  }

  /** Lets time pass until it has ended, an hour at most. */
  async finish({ ended }: Started): Promise<number> {
    let code: number | undefined;
    ended.then(
      (value) => (code = value),
      () => (code = -1),
    );
    for (let passedMs = 0; code === undefined && passedMs < 3_600_000; passedMs += 500) {
      await this.time.advance(500);
    }
    return ended;
  }

  run(task: Task): Promise<number> {
    return this.finish(this.start(task));
  }

  get cluster(): EtcdCluster {
    return this.api.store.get(target("clusters", "db")) as unknown as EtcdCluster;
  }

  /** What is kept of the last run, in short: "Skipped: the reason". */
  told(task: Task): string {
    const { compaction, defragmentation } = this.cluster.status?.maintenance ?? {};
    const run = task === "compact" ? compaction : defragmentation;
    return run === undefined ? "nothing" : `${run.result}: ${run.message}`;
  }

  /** Reasons of the Events that were recorded. */
  get events(): string[] {
    return this.objects("events").map((event) => String(event["reason"]));
  }

  get lease(): LeaseFields | undefined {
    return this.objects("leases")[0]?.["spec"] as LeaseFields | undefined;
  }

  objects(kind: keyof typeof kinds): StoredObject[] {
    return this.api.store.list(kinds[kind]);
  }

  /** By somebody else: the operator, another Job, a person. */
  holdLease(holderIdentity: string, renewedMsAgo = 0): void {
    const renewTime = new Date(this.time.unixMs() - renewedMsAgo).toISOString();
    const spec = { holderIdentity, leaseDurationSeconds: 60, renewTime };
    const at = target("leases", "db-maintenance");
    const metadata = { name: "db-maintenance" };
    const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
    const [live] = this.objects("leases");
    if (live === undefined) this.api.store.create(at, lease);
    else this.api.store.update(at, { ...live, spec }, "update");
  }

  /** As the operator latches it. */
  setStatus(status: EtcdClusterStatus): void {
    const at = { ...target("clusters", "db"), subresource: "status" };
    const live = this.api.store.get(at);
    const before = (live["status"] ?? {}) as EtcdClusterStatus;
    this.api.store.update(at, { ...live, status: { ...before, ...status } }, "update");
  }

  /** As a user does it. */
  setSpec(fields: Partial<EtcdCluster["spec"]>): void {
    const at = target("clusters", "db");
    const live = this.api.store.get(at);
    const spec = { ...(live["spec"] as object), ...fields };
    this.api.store.update(at, { ...live, spec }, "update");
  }

  /** RFC 3339. */
  minutesAgo(minutes: number): string {
    return new Date(this.clock.unixMs() - minutes * 60_000).toISOString();
  }

  seen(seenRevision: number, minutesAgo: number): void {
    const seenAt = this.minutesAgo(minutesAgo);
    const run = { time: seenAt, result: "Succeeded", message: "", seenRevision, seenAt } as const;
    this.setStatus({ maintenance: { compaction: run } });
  }
}

function target(kind: keyof typeof kinds, name: string) {
  return { resource: kinds[kind], namespace, name, subresource: "", manager: "somebody" };
}
