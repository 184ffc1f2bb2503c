/**
 * A cluster of processes on this machine, ours, real etcds or mixed, with a proxy before each peer port where the test
 * wants faults on the network. Owns the processes, the ports and the directory with data and logs; `close` ends and removes
 * all of it.
 */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ClusterMember,
  type ClusterTls,
  type MemberKind,
  type MemberPlace,
  type MemberSpec,
} from "./cluster-member.ts";
import { FaultyNetwork } from "./faulty-network.ts";
import { stablePort } from "./stable-port.ts";
import { until } from "./until.ts";

export interface ClusterOptions {
  /** How many, or who. */
  readonly members: number | readonly MemberSpec[];
  /** Of members that are only counted; `defaultKind()` where it is left out. */
  readonly kind?: MemberKind;
  /** For all members. */
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Clients and peers are served over TLS only. */
  readonly tls?: ClusterTls;
  /** With a proxy before each peer port: `network` has faults then. */
  readonly proxied?: boolean;
  /** The directory stays, for whoever wants to read the logs. */
  readonly keepsDirectory?: boolean;
}

export interface LeaderOptions {
  /** These must all agree; a majority of the members where it is left out. */
  readonly among?: readonly ClusterMember[];
  /**
   * Only a later leadership counts. Etcd tells the term of the last entry it has applied: for a moment a new leader names
   * itself in the old term.
   */
  readonly after?: Leadership;
  readonly timeoutMs?: number;
}

export interface AdditionOptions {
  /** The member that is asked to do it. */
  readonly through: ClusterMember;
  readonly isLearner?: boolean;
  /** Called before anybody can see the new member in `members`. */
  readonly onAdded?: (member: ClusterMember) => void;
}

export interface Leadership {
  readonly leader: ClusterMember;
  readonly term: number;
}

/** How long a removed member has to end by itself. */
const removedEndMs = 5000;

/** Ours; what ETCD_TS_CLUSTER says where the tests themselves are tried on real etcds. */
export function defaultKind(): MemberKind {
  return kindOf(process.env["ETCD_TS_CLUSTER"] ?? "etcd-ts");
}

/** Throws where the text is no kind. */
export function kindOf(text: string): MemberKind {
  if (text === "etcd-ts" || text === "etcd" || text === "etcd36") return text;
  throw new Error(`${text} is no kind of member: expected etcd-ts, etcd or etcd36`);
}

export class ProcessCluster {
  readonly members: ClusterMember[] = [];
  readonly network = new FaultyNetwork();
  readonly directory = mkdtempSync(join(tmpdir(), "etcd-ts-cluster-"));
  readonly #options: ClusterOptions;
  #named = 0;

  private constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** Resolves when all members are healthy and agree on a leader. */
  static async start(options: ClusterOptions): Promise<ProcessCluster> {
    const cluster = new ProcessCluster(options);
    const { members, kind = defaultKind() } = options;
    const specs = typeof members === "number" ? Array<MemberSpec>(members).fill({ kind }) : members;
    try {
      for (const spec of specs) cluster.members.push(await cluster.#place(spec));
      const initialCluster = cluster.#initialCluster();
      for (const member of cluster.members) {
        member.begin({ initialCluster, initialClusterState: "new" });
        member.start();
      }
      await Promise.all(cluster.members.map((member) => member.ready()));
      for (const member of cluster.members) await cluster.#learnId(member);
      await cluster.untilLeader();
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  member(name: string): ClusterMember {
    const found = this.members.find((member) => member.name === name);
    if (found === undefined) throw new Error(`no member is called ${name}`);
    return found;
  }

  /** All but these. */
  others(...members: readonly ClusterMember[]): ClusterMember[] {
    return this.members.filter((member) => !members.includes(member));
  }

  /**
   * The leader, once it says so itself and a majority of the members (or all of `among`) says so in the same term. A leader
   * that was replaced without knowing does not count.
   */
  untilLeader({ among, after, timeoutMs }: LeaderOptions = {}): Promise<Leadership> {
    const needed = among?.length ?? Math.floor(this.members.length / 2) + 1;
    const look = async (): Promise<Leadership | undefined> => {
      const all = among ?? this.members;
      const asked = all.filter((member) => member.isRunning && !member.isPaused);
      const settled = await Promise.allSettled(asked.map((member) => member.status()));
      const answers = settled.flatMap((it) => (it.status === "fulfilled" ? [it.value] : []));
      const term = Math.max(...answers.map(({ raftTerm }) => raftTerm));
      const current = answers.filter(({ raftTerm }) => raftTerm === term);
      const own = current.find(({ leader, header }) => leader === header.memberId);
      const leader = this.members.find((member) => member.id === own?.leader);
      const agreeing = current.filter((status) => status.leader === own?.leader);
      if (leader === undefined || agreeing.length < needed) return undefined;
      return after !== undefined && term <= after.term ? undefined : { leader, term };
    };
    return until("a leader", look, timeoutMs);
  }

  /** Adds a member by way of `through` and starts it with an empty disk; resolves when it is healthy. */
  async addMember(spec: MemberSpec, options: AdditionOptions): Promise<ClusterMember> {
    const member = await this.introduceMember(spec, options);
    member.start();
    await member.ready();
    return member;
  }

  /**
   * As `addMember`, before the new member's first start. Tried again while it is refused: etcd wants all members to have
   * been connected for 5 s.
   */
  async introduceMember(
    spec: MemberSpec,
    { through, isLearner = false, onAdded }: AdditionOptions,
  ): Promise<ClusterMember> {
    const member = await this.#place(spec);
    member.id = await until(`the addition of ${member.name}`, async () => {
      // An earlier try may have done it without an answer.
      const list = await through.client.memberList();
      const known = list.members.find(({ peerUrls }) => peerUrls.includes(member.peerUrl));
      return known?.id ?? through.admin.addMember(member.peerUrl, { isLearner });
    });
    this.network.introduce(member.name, member.id);
    onAdded?.(member);
    this.members.push(member);
    member.begin({ initialCluster: this.#initialCluster(), initialClusterState: "existing" });
    return member;
  }

  /** Promotes a learner, as soon as it has caught up. */
  async promoteMember(member: ClusterMember, through: ClusterMember): Promise<void> {
    await until(`the promotion of ${member.name}`, async () => {
      const { members } = await through.client.memberList();
      if (members.some(({ id, isLearner }) => id === member.id && !isLearner)) return true;
      await through.admin.promoteMember(member.id);
      return true;
    });
  }

  /**
   * Removes a member by way of `through`. It is no member here from now on; its process ends by itself when it hears of it,
   * or is ended. Resolves to whether it ended by itself.
   */
  async removeMember(member: ClusterMember, through: ClusterMember): Promise<boolean> {
    await until(`the removal of ${member.name}`, async () => {
      const { members } = await through.client.memberList();
      if (!members.some(({ id }) => id === member.id)) return true;
      await through.admin.removeMember(member.id);
      return true;
    });
    this.members.splice(this.members.indexOf(member), 1);
    const ended = (): true | undefined => (member.isRunning ? undefined : true);
    const hasEnded = await until("its end", ended, removedEndMs).catch(() => false);
    await this.forget(member);
    return hasEnded;
  }

  /** Ends the member's process; its files stay. */
  async forget(member: ClusterMember): Promise<void> {
    const at = this.members.indexOf(member);
    if (at >= 0) this.members.splice(at, 1);
    await member.stop("SIGKILL");
    member.client.close();
    await this.network.remove(member.name);
  }

  /** Ends every process and removes the directory. */
  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop("SIGKILL")));
    for (const member of this.members) member.client.close();
    await this.network.close();
    if (this.#options.keepsDirectory === true) return;
    await rm(this.directory, { recursive: true, force: true });
  }

  #initialCluster(): string {
    return this.members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",");
  }

  async #place(spec: MemberSpec): Promise<ClusterMember> {
    const { environment, flags = [], proxied = false, tls } = this.#options;
    const peerPort = await stablePort();
    const advertisedPeerPort = proxied ? await stablePort() : peerPort;
    this.#named += 1;
    const name = spec.name ?? `m${this.#named}`;
    const place: MemberPlace = {
      spec: { ...spec, name, environment: { ...environment, ...spec.environment } },
      directory: this.directory,
      clientPort: await stablePort(),
      peerPort,
      advertisedPeerPort,
      flags,
      tls,
    };
    if (proxied) await this.network.place(name, { port: advertisedPeerPort, targetPort: peerPort });
    return new ClusterMember(place);
  }

  async #learnId(member: ClusterMember): Promise<void> {
    const { header } = await until("an answer", () => member.status());
    member.id = header.memberId;
    this.network.introduce(member.name, member.id);
  }
}
