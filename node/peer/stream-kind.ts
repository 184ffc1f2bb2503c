/** The two streams between members, by the last part of their paths (etcd rafthttp/stream.go). */
export type StreamKind = "msgapp" | "message";

export const streamPath = "/raft/stream";

/** As etcd's log calls them. */
export const streamName: Readonly<Record<StreamKind, string>> = {
  msgapp: "stream MsgApp v2",
  message: "stream Message",
};
