/** Whether log and backend are one member's: directories get mixed up. */
import type { Backend } from "../backend/backend.ts";
import { toText } from "../lib/bytes.ts";
import { idToHex, type MemberId } from "../lib/units.ts";
import { decodeChange } from "../membership/membership-change.ts";
import { type Entry, entryType } from "../raft/types.ts";
import type { WalContent, WalSnapshot } from "../wal/wal.ts";

export interface OwnerQuestion {
  readonly paths: { readonly wal: string; readonly backend: string };
  readonly backend: Backend;
  readonly content: WalContent;
  /** The mark from which `content` was read. */
  readonly snapshot: WalSnapshot;
}

/**
 * Throws an Error when the backend knows other members only. It may know them and not yet this one: founders enter the cluster one after the
 * other, and one who joins applies the history of the others before its own entry. Then the log says that its entry is still to come, or has not
 * come at all, and the backend's position lies in this log.
 */
export function checkOwner({ paths, backend, content, snapshot }: OwnerQuestion): void {
  const known = [...backend.entries("members"), ...backend.entries("members_removed")].map(
    ({ key }) => toText(key),
  );
  const { nodeId, clusterId } = content.metadata;
  const id = idToHex(nodeId);
  if (known.length === 0 || known.includes(id)) return;
  const { consistentIndex, term } = backend.committed;
  const isInLog = content.entries[consistentIndex - snapshot.index - 1]?.term === term;
  const own = content.entries.find((entry) => addsMember(entry, nodeId));
  const isToCome = own === undefined ? snapshot.index === 0 : own.index > consistentIndex;
  if (isInLog && isToCome) return;
  throw new Error(
    `${paths.wal} is the log of member ${id} of cluster ${idToHex(clusterId)}, but ${paths.backend} belongs to another ` +
      `cluster, with the members ${known.join(", ")}; --data-dir and --wal-dir do not go together: put the two directories of one member together`,
  );
}

function addsMember(entry: Entry, id: MemberId): boolean {
  if (entry.type === entryType.normal) return false;
  return decodeChange(entry).changes.some(
    (change) => change.kind === "add" && change.member.id === id,
  );
}
