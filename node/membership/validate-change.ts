/**
 * Whether a change of the membership still holds when it is applied: every member asks at the same place of the log and comes to the same
 * answer (etcd membership/cluster.go, ValidateConfigurationChange).
 */
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { MemberId } from "../lib/units.ts";
import type { Member } from "./member.ts";
import { memberListHash } from "./member-list-hash.ts";
import type { MemberChange, MembershipChange } from "./membership-change.ts";

/** The membership that a change meets. */
export interface MembershipView {
  readonly members: readonly Member[];
  isRemoved(id: MemberId): boolean;
}

/**
 * Undefined when the change may be applied. `maxLearners` counts where the change does not carry its proposer's. Beyond etcd's rules: the
 * precondition, and that a vote remains, without which raft could not go on.
 */
export function validateChange(
  view: MembershipView,
  change: MembershipChange,
  maxLearners: number,
): EtcdErrorKind | undefined {
  const { expectedMemberListHash: expected, changes } = change;
  if (expected !== undefined && expected !== memberListHash(view.members)) {
    return "MemberListChanged";
  }
  const draft = new Draft(view, change.maxLearners ?? maxLearners);
  for (const one of changes) {
    const error = draft.add(one);
    if (error !== undefined) return error;
  }
  const hasRemoval = changes.some(({ kind }) => kind === "remove");
  return hasRemoval && !draft.hasVoter ? "MemberNotEnoughStarted" : undefined;
}

/** The membership as far as the changes before have made it. */
class Draft {
  private readonly view: MembershipView;
  private readonly maxLearners: number;
  private readonly members: Map<MemberId, Member>;
  private readonly removed = new Set<MemberId>();

  constructor(view: MembershipView, maxLearners: number) {
    this.view = view;
    this.maxLearners = maxLearners;
    this.members = new Map(view.members.map((member) => [member.id, member]));
  }

  get hasVoter(): boolean {
    return [...this.members.values()].some(({ isLearner }) => !isLearner);
  }

  add(change: MemberChange): EtcdErrorKind | undefined {
    const id = change.kind === "add" ? change.member.id : change.id;
    // Its id is never used again; etcd gives a removed member the text of an unknown one.
    if (this.view.isRemoved(id) || this.removed.has(id)) return "MemberNotFound";
    const known = this.members.get(id);
    if (change.kind === "add") return this.addMember(change.member, known);
    if (known === undefined) return "MemberNotFound";
    switch (change.kind) {
      case "promote":
        if (!known.isLearner) return "MemberNotLearner";
        this.members.set(id, { ...known, isLearner: false });
        return undefined;
      case "remove":
        this.members.delete(id);
        this.removed.add(id);
        return undefined;
      case "update":
        if (this.isTaken(change.peerUrls, id)) return "PeerURLExist";
        this.members.set(id, { ...known, peerUrls: change.peerUrls });
        return undefined;
    }
  }

  private addMember(member: Member, known: Member | undefined): EtcdErrorKind | undefined {
    if (known !== undefined) return "MemberExist";
    if (this.isTaken(member.peerUrls, member.id)) return "PeerURLExist";
    const learners = [...this.members.values()].filter(({ isLearner }) => isLearner).length;
    if (member.isLearner && learners + 1 > this.maxLearners) return "TooManyLearners";
    this.members.set(member.id, member);
    return undefined;
  }

  /** Another member has one of the addresses. One that leaves in the same change still counts: until then both are there. */
  private isTaken(urls: readonly string[], owner: MemberId): boolean {
    const members = [...this.members.values(), ...this.view.members];
    return members.some(
      ({ id, peerUrls }) => id !== owner && peerUrls.some((url) => urls.includes(url)),
    );
  }
}
