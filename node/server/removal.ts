/**
 * When a member that was removed may go for good. Its vote may still be needed: a member of the new configuration that crashed before it had
 * stored that the removal is committed comes back under the old one, where a majority counts this member. So it stays, answers votes, and goes
 * when a majority of those who remain have told it that it is out; each tells only what it has stored (ready-loop.ts). etcd's member goes a second after it has
 * applied its own removal, or when the first one refuses to talk to it.
 */
import type { MemberId } from "../lib/units.ts";
import { jointVoteResult } from "../raft/quorum/joint.ts";
import type { ConfState } from "../raft/types.ts";

export interface RemovalOptions {
  readonly id: MemberId;
  /** The configuration as this member has it. */
  readonly confState: () => ConfState;
  readonly onRemoved: () => void;
}

export class Removal {
  private readonly options: RemovalOptions;
  private readonly told = new Map<MemberId, boolean>();

  constructor(options: RemovalOptions) {
    this.options = options;
  }

  /** `by` has the removal of this member stored. */
  toldBy(by: MemberId): void {
    this.told.set(by, true);
    if (this.isCertain) this.options.onRemoved();
  }

  /** This member has applied its own removal. Nobody is left to tell it when it was the last one. */
  applied(): void {
    if (this.isCertain) this.options.onRemoved();
  }

  /** Nobody can need its vote any more, or it has none. */
  private get isCertain(): boolean {
    const { id, confState } = this.options;
    const { voters, votersOutgoing } = confState();
    const wasVoter = voters.includes(id) || votersOutgoing.includes(id);
    const others = (ids: readonly MemberId[]): readonly MemberId[] =>
      ids.filter((one) => one !== id);
    if (!wasVoter && voters.length === 0) return true;
    return jointVoteResult(others(voters), others(votersOutgoing), this.told) === "won";
  }
}
