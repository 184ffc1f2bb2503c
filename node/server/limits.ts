/** Bounds of the member's loop, each with its reason. */

/** Proposals of one log write. At 8 µs each to apply, a turn stays below 10 ms (DESIGN section 4, decision 4). */
export const batchEntriesMax = 1000;

/** Bytes of one log write: a slow disk should not hold a batch for much longer than a fast one. */
export const batchBytesMax = 4 * 1024 * 1024;

/** Memory that proposals of some turns share. */
export const proposalSlabBytes = 256 * 1024;

/** Applying waits when this much is not yet on the backend's disk; the log holds it meanwhile. */
export const backendPendingBytesMax = 256 * 1024 * 1024;

/** Bytes of requests that wait to be proposed: without a leader they would gather without end. */
export const queuedBytesMax = 64 * 1024 * 1024;

/** Committed entries that are not applied yet, beyond which nothing new is proposed (etcd's maxGapBetweenApplyAndCommitIndex). */
export const applyGapMax = 5000;
