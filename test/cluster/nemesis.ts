/**
 * Does one harm after another to a cluster, chosen by the seed, and undoes each after a while. Keeps a quorum possible by
 * counting: a member is *away* from when harm is done to it until it says that it is healthy again (a new voter: from its
 * addition on), and no harm is done that would leave fewer than a majority of the voters not away. One change of the
 * membership at a time.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { ClusterMember, MemberSpec } from "./cluster-member.ts";
import { partitionFaults } from "./link-fault.ts";
import type { Observer } from "./observer.ts";
import type { ProcessCluster } from "./process-cluster.ts";

const harms = ["kill", "stop", "partition", "add", "remove", "restart"] as const;
export type Harm = (typeof harms)[number];

export interface NemesisOptions {
  readonly cluster: ProcessCluster;
  readonly observer: Observer;
  readonly random: SeededRandom;
  /** Who is added. */
  readonly spec: MemberSpec;
  readonly say: (line: string) => void;
}

/** How long harm lasts. */
const harmMsMin = 1000;
const harmMsMax = 6000;
/** A member that comes back must be healthy by then; whole snapshots may have to be sent. */
const recoveryMsMax = 60_000;
const joinTriesMax = 5;
/** The cluster may shrink and grow by so many members. */
const sizeSlack = 1;

export class Nemesis {
  readonly #options: NemesisOptions;
  readonly #size: number;
  readonly #away = new Set<ClusterMember>();
  readonly #learners = new Set<ClusterMember>();
  readonly #pending = new Set<Promise<void>>();
  readonly counts = new Map<Harm | "none possible", number>();
  readonly problems: string[] = [];
  #isChanging = false;

  constructor(options: NemesisOptions) {
    this.#options = options;
    this.#size = options.cluster.members.length;
  }

  /** Members that serve clients as far as is known here; a learner refuses them. */
  get voters(): ClusterMember[] {
    return this.#options.cluster.members.filter((member) => !this.#learners.has(member));
  }

  /** One harm, begun: it is undone in its own time. */
  step(): void {
    const { random, say } = this.#options;
    const possible = harms.filter((harm) => this.#isPossible(harm));
    const harm = possible.length === 0 ? "none possible" : random.pick(possible);
    this.counts.set(harm, (this.counts.get(harm) ?? 0) + 1);
    if (harm === "none possible") {
      say(harm);
      return;
    }
    const ended = this.#do(harm).catch((error: unknown) => {
      this.problems.push(`${harm}: ${error instanceof Error ? describe(error) : String(error)}`);
    });
    this.#pending.add(ended);
    void ended.then(() => this.#pending.delete(ended));
  }

  /** Resolves when everything is undone. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
  }

  /** How many more voters may be away. */
  #spare(voters = this.voters.length): number {
    const away = this.voters.filter((member) => this.#away.has(member)).length;
    return Math.floor((voters - 1) / 2) - away;
  }

  #isPossible(harm: Harm): boolean {
    const { length } = this.#options.cluster.members;
    const voters = this.voters.length;
    if (harm === "add") {
      return !this.#isChanging && length < this.#size + sizeSlack && this.#spare(voters + 1) >= 1;
    }
    if (harm === "remove") {
      return !this.#isChanging && length > this.#size - sizeSlack && this.#spare(voters - 1) >= 0;
    }
    return this.#spare() >= 1;
  }

  async #do(harm: Harm): Promise<void> {
    if (harm === "partition") return this.#part();
    if (harm === "add") return this.#changing(() => this.#add());
    if (harm === "remove") return this.#changing(() => this.#remove());
    const { random, say } = this.#options;
    const victim = this.#victim();
    const forMs = this.#duration();
    this.#away.add(victim);
    say(`${harm} ${victim.name}${victim === this.#options.observer.leader ? " (leader)" : ""}`);
    if (harm === "stop") {
      victim.pause();
      await sleep(forMs);
      victim.resume();
    } else {
      await victim.stop(harm === "kill" ? "SIGKILL" : "SIGTERM");
      await sleep(harm === "kill" ? forMs : random.below(500));
      victim.start();
    }
    await this.#isBack([victim]);
  }

  async #part(): Promise<void> {
    const { cluster, random, say } = this.#options;
    const group = [this.#victim()];
    this.#away.add(group[0] as ClusterMember);
    if (this.#spare() >= 1 && random.chance(0.5)) {
      const second = this.#victim();
      group.push(second);
      this.#away.add(second);
    }
    const kind = random.pick(partitionFaults);
    const ways = random.chance(0.25) ? "toThem" : "both";
    const us = group.map(({ name }) => name);
    const them = cluster.others(...group).map(({ name }) => name);
    say(`partition ${us.join(",")} | ${them.join(",")} (${kind}, ${ways})`);
    cluster.network.partition(us, them, { kind, ways });
    await sleep(this.#duration());
    for (const name of us) cluster.network.heal(name);
    await this.#isBack(group);
  }

  async #add(): Promise<void> {
    const { cluster, random, spec, say } = this.#options;
    const isLearner = random.chance(0.5);
    const through = this.#present();
    say(`add ${isLearner ? "a learner" : "a voter"} through ${through.name}`);
    const member = await cluster.introduceMember(spec, {
      through,
      isLearner,
      onAdded: (added) => (isLearner ? this.#learners : this.#away).add(added),
    });
    await this.#join(member);
    if (!isLearner) return;
    await cluster.promoteMember(member, this.#present());
    this.#learners.delete(member);
  }

  /** A newcomer that reaches nobody ends, as on etcd: whoever runs it starts it again. */
  async #join(member: ClusterMember): Promise<void> {
    for (let tries = 1; ; tries++) {
      member.start();
      try {
        await this.#isBack([member]);
        return;
      } catch (error) {
        if (member.isRunning || tries === joinTriesMax) throw error;
        this.#options.say(`${member.name} could not join and is started again`);
      }
    }
  }

  async #remove(): Promise<void> {
    const { cluster, say } = this.#options;
    const victim = this.#victim();
    const [through] = this.voters.filter((each) => each !== victim && !this.#away.has(each));
    if (through === undefined) throw new Error("nobody is there to remove a member");
    say(`remove ${victim.name}${victim === this.#options.observer.leader ? " (leader)" : ""}`);
    this.#away.add(victim);
    const hasEnded = await cluster.removeMember(victim, through);
    this.#away.delete(victim);
    say(`removed ${victim.name}, which ${hasEnded ? "ended by itself" : "had to be ended"}`);
  }

  async #changing(change: () => Promise<void>): Promise<void> {
    this.#isChanging = true;
    try {
      await change();
    } finally {
      this.#isChanging = false;
    }
  }

  /** Healthy again, all of them. */
  async #isBack(members: readonly ClusterMember[]): Promise<void> {
    for (const member of members) {
      await member.ready(recoveryMsMax);
      this.#away.delete(member);
    }
  }

  #duration(): number {
    return harmMsMin + this.#options.random.below(harmMsMax - harmMsMin);
  }

  #present(): ClusterMember {
    return this.#options.random.pick(this.voters.filter((member) => !this.#away.has(member)));
  }

  /** A voter that is there; every second time the leader. */
  #victim(): ClusterMember {
    const { observer, random } = this.#options;
    const { leader } = observer;
    const isThere = leader !== undefined && this.voters.includes(leader) && !this.#away.has(leader);
    const any = this.#present();
    return random.chance(0.5) && isThere ? leader : any;
  }
}

function describe(error: Error): string {
  return error.cause instanceof Error
    ? `${error.message}: ${describe(error.cause)}`
    : error.message;
}
