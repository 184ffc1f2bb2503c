/** Which member is worth a defragmentation, and whose turn it is. Pure. */
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import { quantityOf } from "../resources/quantity.ts";
import { type Answering, answering, leaderIn, type MemberState, type Sight } from "./sight.ts";

export type DefragSettings = NonNullable<NonNullable<EtcdCluster["spec"]["maintenance"]>["defrag"]>;

/** Of etcd, where nothing else is set (server/storage/quota.go, DefaultQuotaBytes). */
const defaultQuotaBytes = 2 ** 31;
/** An alarm NOSPACE is taken back only below this share of the quota: right at it, it would be raised again at once. */
const roomyShare = 0.9;

/** Much of the file is free, in bytes and in percent; or the file is near the quota. */
function isInNeed(
  state: MemberState,
  { need }: Pick<DefragSettings, "need">,
  cluster: EtcdCluster,
): boolean {
  const { dbSizeBytes, dbSizeInUseBytes } = state;
  const freeBytes = dbSizeBytes - dbSizeInUseBytes;
  const hasMuchFree =
    freeBytes >= (quantityOf(need.freeBytes) ?? Infinity) &&
    freeBytes * 100 >= need.freePercent * dbSizeBytes;
  return hasMuchFree || dbSizeBytes * 100 >= need.quotaPercent * quotaOf(state, cluster);
}

/** Followers by name, the leader last: whoever leads now, when the leader has changed. Those that are `done` are not asked again. */
export function nextInNeed(
  sight: Sight,
  settings: DefragSettings,
  done: ReadonlySet<string>,
): Answering | undefined {
  const left = answering(sight).filter(
    ({ name, state }) => !done.has(name) && isInNeed(state, settings, sight.cluster),
  );
  const leader = leaderIn(sight)?.name;
  return left.find(({ name }) => name !== leader) ?? left[0];
}

/** The member that keeps an alarm NOSPACE from being taken back: its file is not below 90 % of the quota. */
export function fullMemberIn(sight: Sight): string | undefined {
  return answering(sight).find(
    ({ state }) => state.dbSizeBytes >= roomyShare * quotaOf(state, sight.cluster),
  )?.name;
}

function quotaOf({ quotaBytes }: MemberState, { spec }: EtcdCluster): number {
  if (quotaBytes < 0) return Infinity;
  return quotaBytes > 0 ? quotaBytes : (spec.etcd.quotaBackendBytes ?? defaultQuotaBytes);
}
