/**
 * The members and the version of the cluster, as applied so far. Every change comes from an applied raft entry and goes to the
 * backend in the same batch (etcd membership/cluster.go and its buckets `members`, `members_removed`, `cluster`).
 *
 * raft's configuration is the one truth of who votes: a member's learner flag follows it, and a member is removed when it has no place in it any
 * more. So one that leaves through a joint configuration stays listed, and reachable, for as long as its vote counts.
 */
import type { Backend } from "../backend/backend.ts";
import { fromText, toText } from "../lib/bytes.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import { idToHex, type MemberId, memberId } from "../lib/units.ts";
import type { ConfState } from "../raft/types.ts";
import { confStateFromJson, confStateToJson, idsOf, isVoter } from "./conf-state-json.ts";
import { type Member, memberFromJson, memberToJson } from "./member.ts";
import type { MemberChange, MembershipChange } from "./membership-change.ts";
import { validateChange } from "./validate-change.ts";

const clusterVersionKey = fromText("clusterVersion");
const confStateKey = fromText("confState");
/** What etcd writes for a removed member. */
const removedMark = fromText("removed");

const bucketKey = (id: MemberId): Uint8Array => fromText(idToHex(id));

/** The schema was first named in 3.6. */
function knowsSchema(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 3 || (major === 3 && minor >= 6);
}

/** What a change did to the addresses that the network has to know. */
export interface AppliedChange {
  /** Came in, or has other peer URLs. */
  readonly changedPeers: readonly Member[];
  /** Have no place in the configuration any more, not even in its outgoing half. */
  readonly left: readonly MemberId[];
}

export class Cluster {
  private backend: Backend;
  private readonly byId = new Map<MemberId, Member>();
  private readonly removedIds = new Set<MemberId>();
  private ascending: readonly Member[] | undefined;
  private clusterVersion: string | undefined;
  private state: ConfState;

  /** Reads what the backend holds. */
  constructor(backend: Backend) {
    this.backend = backend;
    this.state = this.load();
  }

  /** Reads everything anew: a received snapshot has taken the place of what was applied. */
  reload(backend: Backend): void {
    this.backend = backend;
    this.state = this.load();
  }

  /** Ascending by id, as etcd lists them. */
  get members(): readonly Member[] {
    this.ascending ??= [...this.byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    return this.ascending;
  }

  /** Those with a vote, ascending by id. */
  get votingMembers(): readonly Member[] {
    return this.members.filter(({ isLearner }) => !isLearner);
  }

  /** The configuration that raft decides by, as it returned it for the last change. */
  get confState(): ConfState {
    return this.state;
  }

  member(id: MemberId): Member | undefined {
    return this.byId.get(id);
  }

  /** It was a member once: its id is never used again. */
  isRemoved(id: MemberId): boolean {
    return this.removedIds.has(id);
  }

  /** "major.minor.0", or undefined until the leader has decided it. */
  get version(): string | undefined {
    return this.clusterVersion;
  }

  /** Why the change must not be applied to the membership as it is now; undefined when it may. */
  validate(change: MembershipChange, maxLearners: number): EtcdErrorKind | undefined {
    return validateChange(this, change, maxLearners);
  }

  /** Takes in a valid change, and the configuration that raft made of it. */
  applyChange(changes: readonly MemberChange[], confState: ConfState): AppliedChange {
    const before = this.state;
    const changedPeers = new Set<MemberId>();
    for (const change of changes) {
      if (change.kind === "add") {
        this.save(change.member);
        changedPeers.add(change.member.id);
      } else if (change.kind === "update") {
        const member = this.byId.get(change.id);
        // The learner flag stays: etcd's members forget it here (etcd issue 21694).
        if (member !== undefined) this.save({ ...member, peerUrls: change.peerUrls });
        changedPeers.add(change.id);
      }
    }
    this.setConfState(confState);
    const there = new Set(idsOf(confState));
    const left = idsOf(before).filter((id) => !there.has(id));
    return { changedPeers: this.members.filter(({ id }) => changedPeers.has(id)), left };
  }

  /** What a member publishes of itself after its start. An unknown id is ignored: it was removed meanwhile. */
  updateAttributes(id: MemberId, attributes: Pick<Member, "name" | "clientUrls">): void {
    const member = this.byId.get(id);
    if (member !== undefined) this.save({ ...member, ...attributes });
  }

  /**
   * The schema of the state: the cluster's version, for those that know of a schema; undefined for the others. An etcd refuses a state of a
   * newer one than its own, so it must not run ahead of the oldest member (etcd version/monitor.go, UpdateStorageVersionIfNeeded).
   */
  get storageVersion(): string | undefined {
    const { version } = this;
    return version !== undefined && knowsSchema(version) ? version : undefined;
  }

  setVersion(version: string): void {
    this.clusterVersion = version;
    this.backend.put("cluster", clusterVersionKey, fromText(version));
  }

  private setConfState(state: ConfState): void {
    this.state = state;
    this.backend.put("meta", confStateKey, fromText(confStateToJson(state)));
    const there = new Set(idsOf(state));
    for (const member of this.members) {
      const isLearner = !isVoter(state, member.id);
      if (!there.has(member.id)) this.remove(member.id);
      else if (isLearner !== member.isLearner) this.save({ ...member, isLearner });
    }
  }

  private save(member: Member): void {
    this.byId.set(member.id, member);
    this.ascending = undefined;
    this.backend.put("members", bucketKey(member.id), fromText(memberToJson(member)));
  }

  private remove(id: MemberId): void {
    this.byId.delete(id);
    this.removedIds.add(id);
    this.ascending = undefined;
    this.backend.delete("members", bucketKey(id));
    this.backend.put("members_removed", bucketKey(id), removedMark);
  }

  private load(): ConfState {
    const { backend } = this;
    this.byId.clear();
    this.removedIds.clear();
    this.ascending = undefined;
    for (const { value } of backend.entries("members")) {
      const member = memberFromJson(value);
      this.byId.set(member.id, member);
    }
    for (const { key } of backend.entries("members_removed")) {
      this.removedIds.add(memberId(BigInt(`0x${toText(key)}`)));
    }
    const version = backend.get("cluster", clusterVersionKey);
    this.clusterVersion = version === undefined ? undefined : toText(version);
    const confState = backend.get("meta", confStateKey);
    return confState === undefined ? this.confStateOfMembers() : confStateFromJson(confState);
  }

  /** For a backend that an etcd before 3.5 wrote: it has none, and knew no joint configuration. */
  private confStateOfMembers(): ConfState {
    const ids = (isLearner: boolean): readonly MemberId[] =>
      this.members.filter((member) => member.isLearner === isLearner).map(({ id }) => id);
    return {
      voters: ids(false),
      learners: ids(true),
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
  }
}
