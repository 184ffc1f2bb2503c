/**
 * What the API server may say of its store, and when: what three real etcds made it say in the same situation, and other words for the same
 * that the moment decides on (a connection that breaks while it is written to instead of read). Anything else is a finding.
 */

const noConnection = String.raw`addrConn\.createTransport failed to connect .* Err: (connection error: desc = ")?`;

/** At any time: the API server ends clients of its own that have just begun to connect (at its start, for a scrape of the database's size). */
const ofItself: readonly RegExp[] = [
  new RegExp(
    `${noConnection}transport: Error while dialing: dial tcp ADDRESS: operation was canceled`,
  ),
  new RegExp(`${noConnection}error reading server preface: .*: use of closed network connection`),
  new RegExp(`${noConnection}write tcp ADDRESS->ADDRESS: use of closed network connection`),
  /retrying of unary invoker failed: .*code = Canceled desc = grpc: the client connection is closing$/,
];

/** Somebody else compacts, too: the API server's own compaction comes too late, and its compacted pages are gone. */
export const ofCompaction: readonly RegExp[] = [
  /compact failed: etcdserver: mvcc: required revision has been compacted/,
  /retrying of unary invoker failed: .*etcdserver: mvcc: required revision has been compacted/,
];

const reset = String.raw`read tcp ADDRESS->ADDRESS: read: connection reset by peer`;
/** How a call ends whose member dies, leaves the cluster (ours say "server stopped", etcd's "raft: stopped"), or has no leader for a while. */
const ends = [
  `rpc error: code = Unavailable desc = error reading from server: (EOF|${reset})`,
  "rpc error: code = Unavailable desc = connection error: .*: connect: connection refused",
  "rpc error: code = Unavailable desc = etcdserver: leader changed",
  "(rpc error: code = Unavailable desc = )?etcdserver: request timed out(, possibly due to (previous leader failure|connection lost))?",
  "(rpc error: code = Unavailable desc = )?etcdserver: server stopped",
  "rpc error: code = Unknown desc = raft: stopped",
].join("|");

/** While a member is down or leaves, and while an election runs. */
export const ofFaults: readonly RegExp[] = [
  ...ofCompaction,
  new RegExp(
    `${noConnection}transport: Error while dialing: dial tcp ADDRESS: connect: connection (refused|reset by peer)`,
  ),
  new RegExp(`${noConnection}error reading server preface: (EOF|${reset})`),
  new RegExp(
    `${noConnection}(transport: failed to write client preface: )?write tcp .*: (connection reset by peer|broken pipe)`,
  ),
  new RegExp(`retrying of unary invoker failed: (${ends})$`),
  new RegExp(
    `status\\.go: "Unhandled Error" err="apiserver received an error .*: (${ends})" logger=`,
  ),
  new RegExp(`compact failed: (${ends})$`),
  // A watch of a quiet kind goes on at another member, from where it last heard something: the API server has compacted that meanwhile.
  /watch chan error: etcdserver: mvcc: required revision has been compacted/,
  /cacher\.go: Terminating all watchers from cacher/,
];

/** The complaints that no pattern allows. */
export function complaintsOutside(
  complaints: ReadonlyMap<string, number>,
  allowed: readonly RegExp[],
): string[] {
  const patterns = [...ofItself, ...allowed];
  return [...complaints.keys()].filter((text) => !patterns.some((pattern) => pattern.test(text)));
}
