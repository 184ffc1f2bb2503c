/** A configuration, and the index at which new members are first probed. */
import { logIndex } from "../../../node/lib/units.ts";
import type { Refusal } from "../../../node/raft/confchange/changer.ts";
import type { ChangerContext, ChangerState } from "../../../node/raft/confchange/draft.ts";
import { Inflights } from "../../../node/raft/tracker/inflights.ts";
import { Progress } from "../../../node/raft/tracker/progress.ts";
import { formatConfig } from "../conf-change-text.ts";

export class ConfChangeWorld {
  state: ChangerState = {
    config: { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
    progress: new Map(),
  };
  /** Moves by one with each command, so that it can be seen whose progress is new. */
  private lastIndex = 0;

  readonly context: ChangerContext = {
    newProgress: (isLearner) => {
      const progress = new Progress({
        match: logIndex(0),
        next: logIndex(Math.max(this.lastIndex, 1)),
        isLearner,
        inflights: new Inflights(1, Infinity),
      });
      progress.isRecentActive = true;
      return progress;
    },
  };

  nextIndex(): void {
    this.lastIndex += 1;
  }

  /** What a change led to is the state from now on. */
  take(result: ChangerState | Refusal): readonly string[] {
    if ("problem" in result) return [`refused: ${result.problem}`];
    this.state = result;
    const members = [...result.progress].sort(([a], [b]) => (a < b ? -1 : 1));
    return [
      formatConfig(result.config),
      ...members.map(([id, { state, match, next, isLearner }]) => {
        return `${id}: ${state} match=${match} next=${next}${isLearner ? " learner" : ""}`;
      }),
    ];
  }
}
