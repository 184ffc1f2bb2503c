/** The lines of a member's start, in etcd's words (etcdserver/bootstrap.go, server.go). */
import { serverVersion } from "../lib/etcd-version.ts";
import { goDurationText } from "../lib/go-units.ts";
import type { Logger } from "../lib/ports.ts";
import { idToHex } from "../lib/units.ts";
import type { Bootstrapped } from "./bootstrap.ts";
import { type MemberConfig, requestTimeoutMs } from "./member-options.ts";

/** Log and state were read; nothing takes part in the cluster yet. */
export function tellStarting(
  logger: Logger,
  { memberId, clusterId, storage, cluster }: Bootstrapped,
  state: { readonly appliedIndex: number; readonly revision: number },
): void {
  const { appliedIndex } = state;
  const version = cluster.version?.split(".").slice(0, 2).join(".");
  logger.info("starting local member", {
    "local-member-id": idToHex(memberId),
    "cluster-id": idToHex(clusterId),
    "applied-index": appliedIndex,
    "commit-index": storage.initialHardState.commit,
    "replayed-entries": storage.lastIndex - appliedIndex,
  });
  logger.info("kvstore restored", { "current-rev": state.revision });
  logger.info("starting etcd server", {
    "local-member-id": idToHex(memberId),
    "local-server-version": serverVersion,
    ...(version === undefined ? {} : { "cluster-id": idToHex(clusterId) }),
    "cluster-version": version ?? "to_be_decided",
  });
}

/** The cluster knows this member's name and addresses. */
export function tellPublished(
  logger: Logger,
  { memberId, clusterId }: Bootstrapped,
  config: MemberConfig,
): void {
  const { name, clientUrls } = config;
  logger.info("published local member to cluster through raft", {
    "local-member-id": idToHex(memberId),
    "local-member-attributes": `{Name:${name} ClientURLs:[${clientUrls.join(" ")}]}`,
    "cluster-id": idToHex(clusterId),
    "publish-timeout": goDurationText(requestTimeoutMs(config)),
  });
}
