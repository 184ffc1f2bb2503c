/**
 * The hash of a member list: what a careful caller of MemberAdd, MemberRemove, MemberUpdate or MemberPromote sends along, so that the change
 * is refused when the list is no longer the one that it was decided from (DESIGN section 5, "Fenced").
 *
 * It is the SHA-256, in lower-case hex, of the UTF-8 JSON text
 *
 *     [["8e9e05c52164694d","voter",["http://a:2380"]],["91bc3c398fb3c146","learner",["http://b:2380","http://c:2380"]]]
 *
 * one array a member, ascending by id as an unsigned number: the id as etcd prints it, whether it votes, its peer URLs sorted by code unit; no
 * white space. Names and client URLs are left out: a member publishes them itself, and no decision rests on them.
 */
import { createHash } from "node:crypto";
import { idToHex } from "../lib/units.ts";
import type { Member } from "./member.ts";

export type ListedMember = Pick<Member, "id" | "isLearner" | "peerUrls">;

/** The same for every order of the members and of each one's URLs. */
export function memberListHash(members: readonly ListedMember[]): string {
  const ascending = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
  const rows = ascending.map(({ id, isLearner, peerUrls }) => [
    idToHex(id),
    isLearner ? "learner" : "voter",
    [...peerUrls].sort(),
  ]);
  return createHash("sha256").update(JSON.stringify(rows)).digest("hex");
}
