/** An EtcdCluster in a namespace of its own, as a person with kubectl has it: what the stories do to it, and what they wait for. */
import assert from "node:assert/strict";
import { kubectl, tryKubectl } from "./kubectl.ts";
import { operatorLog } from "./operator-release.ts";
import { until } from "./wait.ts";
import { Writer } from "./writer.ts";

/** The application whose certificate the writer shows. */
const application = "writer";

interface Metadata {
  readonly name: string;
  readonly uid: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export interface ClusterMember {
  readonly name: string;
  readonly id?: string;
  readonly role: string;
  readonly phase: string;
  readonly message?: string;
}

export interface ClusterStatus {
  readonly observedGeneration?: number;
  readonly phase?: string;
  readonly clusterID?: string;
  readonly leader?: string;
  readonly ready?: string;
  readonly members?: readonly ClusterMember[];
  readonly conditions?: readonly Condition[];
  readonly plan?: { readonly step: string; readonly waitsFor?: string };
  readonly certificates?: {
    readonly phase: string;
    readonly caFingerprint?: string;
    readonly rotationRequest?: string;
  };
  readonly maintenance?: Readonly<
    Record<
      "compaction" | "defragmentation",
      | {
          readonly time: string;
          readonly result: string;
          readonly message: string;
          readonly revision?: number;
          readonly seenRevision?: number;
        }
      | undefined
    >
  >;
  readonly replacements?: readonly { readonly memberName: string; readonly reason?: string }[];
  readonly spaceRecovery?: { readonly phase: string; readonly defragmented: readonly string[] };
  readonly quorumRecovery?: {
    readonly phase: string;
    readonly nonce: string;
    readonly survivor?: string;
    readonly estimatedLoss: string;
    readonly survivors: readonly {
      readonly name: string;
      readonly isRunning: boolean;
      readonly raftTerm?: number;
      readonly committedIndex?: number;
    }[];
  };
}

interface EtcdClusterObject {
  readonly metadata: Metadata;
  readonly spec: { readonly replicas: number };
  readonly status?: ClusterStatus;
}

export interface MemberPod {
  readonly metadata: Metadata;
  readonly spec: {
    readonly nodeName?: string;
    readonly containers: readonly [{ readonly args: readonly string[]; readonly image: string }];
  };
  readonly status: {
    readonly podIP?: string;
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** Managed is the default of the API; the writer has a certificate then. With Provided the story makes all of them. */
export type TlsMode = "Managed" | "Provided" | "Disabled";

/** A change of several members takes several starts of pods. */
const patienceMs = 240_000;

export class EtcdCluster {
  readonly namespace: string;
  readonly name = "etcd";
  readonly tls: TlsMode;

  constructor(namespace: string, tls: TlsMode = "Managed") {
    this.namespace = namespace;
    this.tls = tls;
  }

  /** An empty namespace, and the cluster in it. */
  async create(spec: Readonly<Record<string, unknown>>): Promise<void> {
    await this.makeNamespace();
    const isPlain = this.tls === "Disabled";
    await this.apply({
      tls: isPlain ? { mode: "Disabled" } : { clients: [{ name: application }] },
      storage: { size: "4Gi" },
      ...spec,
    });
  }

  /** An empty one, which enforces the restricted profile. */
  async makeNamespace(): Promise<void> {
    const { namespace } = this;
    await kubectl(["delete", "namespace", namespace, "--ignore-not-found", "--timeout=3m"], {
      timeoutMs: 200_000,
    });
    await kubectl(["create", "namespace", namespace]);
    await kubectl([
      ...["label", "namespace", namespace],
      "pod-security.kubernetes.io/enforce=restricted",
    ]);
  }

  async apply(spec: Readonly<Record<string, unknown>>): Promise<void> {
    const object = {
      apiVersion: "etcd-ts.dev/v1alpha1",
      kind: "EtcdCluster",
      metadata: { name: this.name, namespace: this.namespace },
      spec,
    };
    await kubectl(["apply", "-f", "-"], { input: JSON.stringify(object) });
  }

  /** kubectl in the namespace. */
  kubectl(...args: readonly string[]): Promise<string> {
    return kubectl(["-n", this.namespace, ...args], { timeoutMs: 300_000 });
  }

  async json<Answer>(...args: readonly string[]): Promise<Answer> {
    return JSON.parse(await this.kubectl(...args, "-o", "json")) as Answer;
  }

  read(): Promise<EtcdClusterObject> {
    return this.json("get", "etcdcluster", this.name);
  }

  async status(): Promise<ClusterStatus> {
    return (await this.read()).status ?? {};
  }

  async patch(spec: Readonly<Record<string, unknown>>): Promise<void> {
    await this.kubectl(
      ...["patch", "etcdcluster", this.name, "--type=merge", "-p", JSON.stringify({ spec })],
    );
  }

  async annotate(annotation: string, value: string): Promise<void> {
    await this.kubectl(
      "annotate",
      "etcdcluster",
      this.name,
      `${annotation}=${value}`,
      "--overwrite",
    );
  }

  async scale(replicas: number): Promise<void> {
    await this.kubectl("scale", "etcdcluster", this.name, `--replicas=${replicas}`);
  }

  /** Waits until the operator has seen the spec, has nothing left to do, and all members are ready. `members`: where some are asleep. */
  async untilAsWanted(
    replicas: number,
    { members = replicas }: { readonly members?: number } = {},
  ): Promise<ClusterStatus> {
    await until(
      `${this.namespace} with ${replicas} members`,
      async () => {
        const { metadata, status } = await this.read();
        if (status?.observedGeneration !== metadata.generation) return "the spec was not seen yet";
        return missing({ replicas, members }, status ?? {});
      },
      { timeoutMs: patienceMs, everyMs: 500 },
    );
    return this.status();
  }

  async pods(): Promise<readonly MemberPod[]> {
    const selector = `etcd-ts.dev/cluster=${this.name},app.kubernetes.io/component=member`;
    const { items } = await this.json<{ items: readonly MemberPod[] }>(
      "get",
      "pod",
      "-l",
      selector,
    );
    return items;
  }

  async pod(name: string): Promise<MemberPod> {
    const pod = (await this.pods()).find(({ metadata }) => metadata.name === name);
    assert.ok(pod !== undefined, `there is no pod ${name}`);
    return pod;
  }

  async leader(): Promise<string> {
    const { leader } = await this.status();
    assert.ok(leader !== undefined, "the status names no leader");
    return leader;
  }

  /** Names of pods whose container was started again, with the number: a member that has what it needs never ends by itself. */
  async restarts(): Promise<readonly string[]> {
    const pods = await this.pods();
    return pods
      .map(({ metadata, status }) => ({
        name: metadata.name,
        count: status.containerStatuses?.[0]?.restartCount ?? 0,
      }))
      .filter(({ count }) => count > 0)
      .map(({ name, count }) => `${name} ${count}`);
  }

  /** A member that follows. */
  async follower(): Promise<string> {
    const { members = [], leader } = await this.status();
    const follower = members.find(({ name }) => name !== leader);
    assert.ok(follower !== undefined && leader !== undefined, "no member follows");
    return follower.name;
  }

  /** A process that writes to it until it is stopped. */
  writer(): Writer {
    const { namespace, name, tls } = this;
    const client = tls === "Disabled" ? {} : { application };
    return new Writer({ namespace, cluster: name, ...client });
  }

  /** Our etcdctl in the pod of the leader. */
  async etcdctl(...args: readonly string[]): Promise<string> {
    return this.etcdctlOn(await this.leader(), ...args);
  }

  /** Our etcdctl in the pod of a member, which has the member's own certificate at hand. */
  etcdctlOn(member: string, ...args: readonly string[]): Promise<string> {
    const certificates = "/etc/etcd/tls";
    const ca = this.tls === "Provided" ? "server-ca.crt" : "ca.crt";
    const tls = [
      `--cacert=${certificates}/${ca}`,
      `--cert=${certificates}/server.crt`,
      `--key=${certificates}/server.key`,
    ];
    const access =
      this.tls === "Disabled"
        ? ["--endpoints=http://127.0.0.1:2379"]
        : ["--endpoints=https://127.0.0.1:2379", ...tls];
    return this.kubectl("exec", member, "--", "etcdctl-ts", ...access, ...args);
  }

  /** Names of objects of these kinds ("pod,pvc"), as kubectl prints them. */
  async names(kinds: string): Promise<readonly string[]> {
    const out = await this.kubectl("get", kinds, "-o", "name");
    return out.trim() === "" ? [] : out.trim().split("\n");
  }

  /** The cluster first: a namespace that is deleted with its pods waits for half of their grace time. */
  async remove(): Promise<void> {
    await this.kubectl("delete", "etcdcluster", "--all");
    await until("the end of all pods", async () => {
      const left = await this.names("pod");
      return left.length === 0 ? undefined : left.join(" ");
    });
    await kubectl(["delete", "namespace", this.namespace, "--timeout=3m"], { timeoutMs: 200_000 });
  }

  /** What a person would look at first. */
  async showState(): Promise<void> {
    for (const args of [
      ["get", "etcdcluster,etcdmember,pod,pvc,service,pdb,secret,job", "-o", "wide"],
      ["get", "etcdcluster,etcdmember", "-o", "yaml"],
      ["get", "events", "--sort-by=.lastTimestamp"],
      ["logs", "-l", "app.kubernetes.io/component=member", "--tail=30", "--prefix"],
    ]) {
      const { stdout, stderr } = await tryKubectl(["-n", this.namespace, ...args]);
      process.stdout.write(
        `\n$ kubectl -n ${this.namespace} ${args.join(" ")}\n${stdout}${stderr}`,
      );
    }
    for (const { metadata } of await this.pods().catch(() => [])) {
      const args = ["-n", this.namespace, "logs", metadata.name, "--previous", "--tail=15"];
      const { code, stdout } = await tryKubectl(args);
      if (code === 0) process.stdout.write(`\n$ kubectl ${args.join(" ")}\n${stdout}`);
    }
    const log = await operatorLog(this.namespace).catch(String);
    process.stdout.write(
      `\nthe operator's log, as far as it tells of ${this.namespace}:\n${log}\n`,
    );
  }
}

function missing(
  { replicas, members }: { readonly replicas: number; readonly members: number },
  status: ClusterStatus,
): string | undefined {
  const is = (type: string): string | undefined =>
    status.conditions?.find((each) => each.type === type)?.status;
  const { step = "", waitsFor = "" } = status.plan ?? {};
  const isThere = status.ready === `${replicas}/${replicas}` && status.members?.length === members;
  const isReady = replicas === 0 || is("Ready") === "True";
  const isAtRest = is("Progressing") === "False";
  return isThere && isReady && isAtRest
    ? undefined
    : `${status.ready ?? "?"} ready; ${step} ${waitsFor}`;
}
