/**
 * The hash of a member list, by which a member refuses a change that was decided from another list (DESIGN section 5, "Fenced"). The server's own words for it
 * are in node/membership/member-list-hash.ts, which the operator must not import; a test holds both equal.
 */
import { createHash } from "node:crypto";
import type { ListedMember } from "../cluster/observed.ts";

/** Name of the precondition in a request's metadata. */
export const memberListHashKey = "etcd-ts-member-list-hash";

/** The same for every order of the members and of each one's URLs. Lower-case hex. */
export function memberListHash(members: readonly ListedMember[]): string {
  const rows = [...members]
    .sort((left, right) => (BigInt(`0x${left.id}`) < BigInt(`0x${right.id}`) ? -1 : 1))
    .map(({ id, isLearner, peerUrls }) => [
      id,
      isLearner ? "learner" : "voter",
      [...peerUrls].sort(),
    ]);
  return createHash("sha256").update(JSON.stringify(rows)).digest("hex");
}
