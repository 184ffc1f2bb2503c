/** The end of a member that the cluster has removed. */

/** Not a failure: the cluster wanted it. Its data directory is of no use any more. */
export class MemberRemovedError extends Error {
  override readonly name = "MemberRemovedError";

  constructor() {
    super("the member has been permanently removed from the cluster");
  }
}
