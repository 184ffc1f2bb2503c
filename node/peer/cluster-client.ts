/**
 * What a member asks others beside raft: who the members are, to promote a learner, and which version they have (etcd
 * etcdserver/cluster_util.go). The answering side is members-handler.ts, and http/peer-http.ts for the version.
 */
import { toText } from "../lib/bytes.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { Logger, Timers } from "../lib/ports.ts";
import { type ClusterId, type MemberId } from "../lib/units.ts";
import { type MemberJson, memberOf, parseWithIds } from "../membership/member.ts";
import type { RemoteCluster } from "../server/peer-transport.ts";
import { ask, type Reply, textOf } from "./ask.ts";
import type { Dialer } from "./dial.ts";
import { parseId } from "./headers.ts";
import { promoteErrors, promotePrefix } from "./members-handler.ts";

export interface ClusterClientOptions {
  readonly dialer: Dialer;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Of every request; none before this member knows who it is. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** For one address; making the connection has its own limit within it. */
const timeoutMsDefault = 5000;
/** A promotion is answered when the leader has applied it: etcd's ReqTimeout with the default election time-out. */
const promoteTimeoutMs = 7000;

export class ClusterClient {
  private readonly options: ClusterClientOptions;
  private readonly timeoutMs: number;

  constructor(options: ClusterClientOptions) {
    this.options = options;
    this.timeoutMs = options.timeoutMs ?? timeoutMsDefault;
  }

  /** The members, from the first of these addresses that answers with some; undefined when none does. */
  async fetchCluster(peerUrls: readonly string[]): Promise<RemoteCluster | undefined> {
    return await this.first(peerUrls, "/members", clusterOf);
  }

  /** The server version of each of these members; undefined for one that does not answer. */
  async versions(
    peers: ReadonlyMap<MemberId, readonly string[]>,
  ): Promise<ReadonlyMap<MemberId, string | undefined>> {
    const asked = [...peers].map(
      async ([id, urls]) => [id, await this.first(urls, "/version", versionOf)] as const,
    );
    return new Map(await Promise.all(asked));
  }

  /**
   * Asks the member at these addresses to promote a learner. Resolves with the error's name, or undefined. Rejects where no answer decides
   * it: the member cannot be reached, does not lead, or has another reason, which it tells nobody.
   */
  async promote(
    peerUrls: readonly string[],
    learner: MemberId,
  ): Promise<EtcdErrorKind | undefined> {
    let failure = new Error("a member without peer URLs");
    for (const url of peerUrls) {
      try {
        const path = `${promotePrefix}${learner}`;
        return outcomeOf(
          await this.ask(url, { path, method: "POST", timeoutMs: promoteTimeoutMs }),
        );
      } catch (error) {
        failure = new Error(`${url}: ${reasonOf(error)}`, { cause: error });
      }
    }
    throw failure;
  }

  private async first<Result>(
    urls: readonly string[],
    path: string,
    read: (reply: Reply) => Result,
  ): Promise<Result | undefined> {
    const { timeoutMs } = this;
    for (const url of urls) {
      try {
        return read(await this.ask(url, { path, method: "GET", timeoutMs }));
      } catch (error) {
        const fields = { address: `${url}${path}`, error: reasonOf(error) };
        this.options.logger.warn("failed to get an answer of another member", fields);
      }
    }
    return undefined;
  }

  private ask(
    url: string,
    question: {
      readonly path: string;
      readonly method: "GET" | "POST";
      readonly timeoutMs: number;
    },
  ): Promise<Reply> {
    const { headers = {} } = this.options;
    return ask(this.options, { url, headers, kind: "probe", ...question });
  }
}

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** Throws an Error where the answer is no list of members with a cluster's id. */
function clusterOf(reply: Reply): RemoteCluster {
  mustBeOk(reply);
  const id = reply.headers["x-etcd-cluster-id"];
  const clusterId = parseId(typeof id === "string" ? id : "");
  if (clusterId === undefined) throw new Error("an answer without the id of a cluster");
  const list = parseWithIds(reply.body);
  if (!Array.isArray(list) || list.length === 0) throw new Error("an answer without members");
  return {
    clusterId: clusterId as bigint as ClusterId,
    members: list.map((json: MemberJson) => memberOf(json)),
  };
}

/** Throws an Error where the answer has no version. */
function versionOf(reply: Reply): string {
  mustBeOk(reply);
  const versions = JSON.parse(toText(reply.body)) as { etcdserver?: unknown } | null;
  const version = versions?.etcdserver;
  if (typeof version !== "string") throw new Error("an answer without a version");
  return version;
}

function mustBeOk(reply: Reply): void {
  if (reply.status !== 200) throw new Error(`status ${reply.status}: ${textOf(reply)}`);
}

function outcomeOf(reply: Reply): EtcdErrorKind | undefined {
  if (reply.status === 200) return undefined;
  const text = textOf(reply);
  // Two errors share a status, and are told by their texts.
  const refusal = promoteErrors.find(
    (row) => row.status === reply.status && (row.status !== 412 || text.includes(row.text)),
  );
  if (refusal !== undefined) return refusal.kind;
  if (reply.status === 408) return "Timeout";
  throw new Error(`status ${reply.status}: ${text}`);
}
