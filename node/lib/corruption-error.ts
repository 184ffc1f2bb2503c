/**
 * Kind three of the errors (DESIGN section 4, decision 7): bytes on disk, or from a peer, are not what was written.
 * The member stops; nothing is skipped. The message names the file and the place, and what the operator can do.
 */
export class CorruptionError extends Error {
  override readonly name = "CorruptionError";
}
