/** `maintenance compact`: one compaction, through the leader. It goes through Raft, so all members drop the same history. */
import { ClientError } from "../../node/client/client-error.ts";
import { compactionPlan } from "./compaction-plan.ts";
import { whyNoCompaction } from "./health-gate.ts";
import { failed, type Memory, type Outcome, skipped, succeeded, timeText } from "./outcome.ts";
import type { Run } from "./run-ports.ts";
import { leaderIn, newestRevisionIn } from "./sight.ts";

/** What etcd says when somebody has compacted further. */
const compactedText = /required revision has been compacted/;

/** Throws ApiError, NotLeadingError, and ClientError for a request whose end is not known. */
export async function compact({ look, etcd, hold, clock }: Run): Promise<Outcome> {
  const sight = await look();
  const settings = sight.cluster.spec.maintenance?.compaction;
  if (settings === undefined) return skipped("spec.maintenance.compaction is not set");
  const why = whyNoCompaction(sight);
  const leader = leaderIn(sight);
  if (why !== undefined || leader === undefined) return skipped(why ?? "no member leads");
  const before: Memory = sight.cluster.status?.maintenance?.compaction ?? {};
  const newestRevision = newestRevisionIn(sight);
  const nowMs = clock.unixMs();
  const plan = compactionPlan({ before, newestRevision, nowMs, ...settings });
  const seen = { seenRevision: newestRevision, seenAt: timeText(nowMs) };
  const next = `the next run may go up to revision ${newestRevision}`;
  switch (plan.kind) {
    case "wait":
      return skipped(plan.why);
    case "remember": {
      const { revision } = before;
      return succeeded(
        `${plan.why}; ${next}`,
        revision === undefined ? seen : { ...seen, revision },
      );
    }
    case "compact": {
      hold.check();
      const wasThere = await compacted(etcd.compact(leader.name, plan.revision));
      if (typeof wasThere === "string") return failed(`revision ${plan.revision}: ${wasThere}`);
      const what = wasThere ? "had been compacted already" : "is compacted";
      const message = `the history below revision ${plan.revision} ${what}; ${next}`;
      return succeeded(message, { revision: plan.revision, ...seen });
    }
  }
}

/** Whether it had been done before; the reason when it was refused or its end is not known. */
async function compacted(request: Promise<void>): Promise<boolean | string> {
  try {
    await request;
    return false;
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    return compactedText.test(error.text) ? true : error.text;
  }
}
