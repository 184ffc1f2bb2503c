/**
 * One rotation of everything, under load: new leaves for members and clients by the present CA; then the CA, as one does it without an interruption: the new
 * one is added to every bundle, all leaves are issued by it, the old one is taken away. Members follow one after the other, and each step is looked at from
 * outside before the next.
 */
import type { TestLeaf } from "../support/pki.ts";
import type { RotatingCluster } from "./rotating-cluster.ts";
import { type BySide, type RotatingMember, sides } from "./rotating-member.ts";
import type { Way } from "./secret-files.ts";
import type { Tally } from "./tally.ts";
import type { Side } from "./trust.ts";
import { type MemberState, roundProblems, stateOf } from "./verdict.ts";
import type { WriteClients } from "./write-clients.ts";

export interface RoundPlan {
  readonly way: Way;
  /** Whenever one member is ahead of the others the connections between them are cut: they have to connect as they are. */
  readonly cutsPeers: boolean;
  /** One member gets the new CA's leaves while it is down. */
  readonly restarts: boolean;
}

export interface RoundResult {
  readonly problems: readonly string[];
  /** From a change on the disk until the member was seen to go by it, the longest. */
  readonly slowestReloadMs: number;
  readonly peerCuts: number;
  /** Sessions of the old CA that were offered again. */
  readonly sessions: number;
}

interface Ticket {
  readonly member: RotatingMember;
  readonly side: Side;
  readonly session: Buffer;
}

export class Round {
  readonly #cluster: RotatingCluster;
  readonly #clients: WriteClients;
  readonly #tally: Tally;
  readonly #plan: RoundPlan;
  readonly #problems: string[] = [];
  #leader: RotatingMember | undefined;
  #restarted: RotatingMember | undefined;
  #slowestReloadMs = 0;
  #peerCuts = 0;

  constructor(
    { cluster, clients, tally }: { cluster: RotatingCluster; clients: WriteClients; tally: Tally },
    plan: RoundPlan,
  ) {
    this.#cluster = cluster;
    this.#clients = clients;
    this.#tally = tally;
    this.#plan = plan;
  }

  /** Rejects when a step does not come to its end. */
  async run(): Promise<RoundResult> {
    const before = await stateOf(this.#cluster);
    this.#leader = before.find(({ isLeader }) => isLeader)?.member;
    const { trusts } = this.#cluster;
    const former = probeLeaves((side, options) => trusts[side].leaf(options));
    const tickets = await this.#tickets(former);
    await this.#renewLeaves(former);
    const added = { client: trusts.client.extend(), peer: trusts.peer.extend() };
    const coming = probeLeaves((side, options) => added[side].leaf(options));
    await this.#extendBundles(coming);
    for (const side of sides) trusts[side].switchIssuer();
    await this.#renewByNewAuthority(coming);
    for (const side of sides) trusts[side].shrink();
    await this.#shrinkBundles(former);
    await this.#lookAtRefusals({ former, coming, tickets });
    await this.#cluster.untilConnected();
    this.#judge(before, await stateOf(this.#cluster));
    return {
      problems: this.#problems,
      slowestReloadMs: this.#slowestReloadMs,
      peerCuts: this.#peerCuts,
      sessions: tickets.length,
    };
  }

  /** By the present CA. */
  async #renewLeaves(probe: BySide<TestLeaf>): Promise<void> {
    const { way } = this.#plan;
    await this.#eachMember("new leaves", async (member) => {
      await member.renewLeaves(way);
      return member.untilShown(probe);
    });
    await this.#cluster.renewClientLeaf(way);
    await this.#clientsFollow();
  }

  async #extendBundles(coming: BySide<TestLeaf>): Promise<void> {
    const { way } = this.#plan;
    await this.#cluster.renewClientBundle(way);
    await this.#clientsFollow();
    await this.#eachMember("longer bundles", async (member) => {
      await member.renewBundles(way);
      return member.untilJudged(coming, "accepted");
    });
  }

  async #renewByNewAuthority(coming: BySide<TestLeaf>): Promise<void> {
    const { way, restarts } = this.#plan;
    const follower = this.#cluster.members.find((member) => member !== this.#leader);
    this.#restarted = restarts ? follower : undefined;
    await this.#eachMember("leaves of the new CA", async (member) => {
      if (member !== this.#restarted) {
        await member.renewLeaves(way);
        return member.untilShown(coming);
      }
      await this.#restart(member);
      await member.untilShown(coming);
      return 0;
    });
    await this.#cluster.renewClientLeaf(way);
    await this.#clientsFollow();
  }

  async #shrinkBundles(former: BySide<TestLeaf>): Promise<void> {
    const { way } = this.#plan;
    await this.#cluster.renewClientBundle(way);
    await this.#clientsFollow();
    await this.#eachMember("shorter bundles", async (member) => {
      await member.renewBundles(way);
      return member.untilJudged(former, "refused");
    });
  }

  /** With new files, and without clients. */
  async #restart(member: RotatingMember): Promise<void> {
    const { clientPort } = member.place;
    await this.#clients.leave(clientPort);
    await member.stop();
    await member.renewLeaves(this.#plan.way);
    member.start();
    await member.ready();
    await this.#cluster.untilConnected();
    this.#clients.comeBack(clientPort);
  }

  /** `change` gives how long the member took to follow. */
  async #eachMember(
    step: string,
    change: (member: RotatingMember) => Promise<number>,
  ): Promise<void> {
    this.#tally.during = step;
    for (const [at, member] of this.#cluster.members.entries()) {
      this.#slowestReloadMs = Math.max(this.#slowestReloadMs, await change(member));
      if (at === 0 && this.#plan.cutsPeers) await this.#cutPeers();
    }
  }

  async #cutPeers(): Promise<void> {
    this.#clients.peersCut(this.#leader?.place.clientPort ?? 0);
    this.#cluster.cutPeers();
    this.#peerCuts += 1;
    await this.#cluster.untilConnected();
  }

  #clientsFollow(): Promise<void> {
    return this.#clients.use(this.#cluster.trusts.client.bundlePem, this.#cluster.clientLeaf);
  }

  /** Sessions that the old CA's certificates have opened, one for each port and version, as far as a member gives any. */
  async #tickets(leaves: BySide<TestLeaf>): Promise<Ticket[]> {
    const tickets: Ticket[] = [];
    for (const member of this.#cluster.members)
      for (const side of sides)
        for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
          const { session } = await member.dial(side, leaves[side], { maxVersion });
          if (session !== undefined) tickets.push({ member, side, session });
        }
    return tickets;
  }

  async #lookAtRefusals({
    former,
    coming,
    tickets,
  }: {
    readonly former: BySide<TestLeaf>;
    readonly coming: BySide<TestLeaf>;
    readonly tickets: readonly Ticket[];
  }): Promise<void> {
    for (const { member, side, session } of tickets) {
      const answer = await member.dial(side, former[side], { session });
      if (answer.isAccepted || answer.isResumed)
        this.#problems.push(`${member.name}, ${side}: a session of the old CA was taken up again`);
    }
    const stranger = this.#cluster.trusts.peer.leaf({ commonName: "stranger" });
    for (const member of this.#cluster.members) {
      await member.untilJudged(coming, "accepted");
      for (const leaf of [stranger, coming.client]) {
        const { isAccepted } = await member.dial("peer", leaf);
        if (isAccepted) this.#problems.push(`${member.name} has let a stranger in as a peer`);
      }
    }
  }

  #judge(before: readonly MemberState[], after: readonly MemberState[]): void {
    const { way } = this.#plan;
    const facts = {
      restarted: this.#restarted,
      isAtomic: way === "secret",
      isTorn: way === "torn",
    };
    this.#problems.push(...roundProblems(before, after, facts));
  }
}

function probeLeaves(
  leaf: (side: Side, options: { readonly commonName: string }) => TestLeaf,
): BySide<TestLeaf> {
  return {
    client: leaf("client", { commonName: "probe" }),
    peer: leaf("peer", { commonName: "member" }),
  };
}
