/**
 * The connections to members: one for each member and endpoint, kept from one look to the next, as long as there are not too many. Over TLS each takes some 175 KiB of
 * the process, against 2 ms for a new one; so with many clusters those that were asked longest ago are closed.
 */
import { Client } from "../../node/client/client.ts";
import type { Asked, Credentials, EtcdTarget } from "./etcd-port.ts";

/** What is used of node/client's Client. */
export type EtcdConnection = Pick<
  Client,
  | "status"
  | "memberList"
  | "alarms"
  | "hashKv"
  | "memberAdd"
  | "memberPromote"
  | "memberRemove"
  | "moveLeader"
  | "compact"
  | "defragment"
  | "disarmAlarm"
  | "connect"
  | "close"
>;

/** `credentials` undefined: plain text. */
export type Connect = (member: Asked, credentials: Credentials | undefined) => EtcdConnection;

/** For one call that says nothing else. A healthy member answers within milliseconds. */
export const callDeadlineMs = 2_000;

/** Some 25 MiB: enough for 48 clusters of three. */
export const connectionsMax = 144;

interface Kept {
  readonly connection: EtcdConnection;
  readonly serverName: string;
  readonly credentials: Credentials | undefined;
}

export class EtcdConnections {
  private readonly connect: Connect;
  /** Key of the cluster ▸ endpoint ▸ connection. The cluster that was asked last is the last one. */
  private readonly clusters = new Map<string, Map<string, Kept>>();
  /** Key of the cluster ▸ how many ask it now. */
  private readonly users = new Map<string, number>();

  constructor(connect: Connect = connectTo) {
    this.connect = connect;
  }

  /** Closes nothing of this cluster for want of room before `work` has ended: a call that is cut off would count as a member's silence. */
  async whileUsed<Result>(cluster: string, work: () => Promise<Result>): Promise<Result> {
    this.users.set(cluster, (this.users.get(cluster) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const others = (this.users.get(cluster) ?? 0) - 1;
      if (others > 0) this.users.set(cluster, others);
      else this.users.delete(cluster);
      this.makeRoom();
    }
  }

  /**
   * Exactly those of the target's members, by name; others of the cluster are closed. So are those with other certificates than the Secret holds now: a
   * connection that stands would go on with the old ones, and nobody would notice that the new ones are not let in.
   */
  of({ key, members, tls }: EtcdTarget): ReadonlyMap<string, EtcdConnection> {
    const before = this.clusters.get(key) ?? new Map<string, Kept>();
    const after = new Map<string, Kept>();
    const byName = new Map<string, EtcdConnection>();
    const credentials = typeof tls === "string" ? undefined : tls;
    for (const member of tls === "missing" ? [] : members) {
      const { endpoint, serverName } = member;
      const old = before.get(endpoint);
      const kept =
        old?.serverName === serverName && isSame(old.credentials, credentials)
          ? old
          : { connection: this.connect(member, credentials), serverName, credentials };
      after.set(endpoint, kept);
      byName.set(member.name, kept.connection);
    }
    for (const [endpoint, kept] of before) {
      if (after.get(endpoint) !== kept) kept.connection.close();
    }
    this.clusters.delete(key);
    if (after.size > 0) this.clusters.set(key, after);
    return byName;
  }

  forget(cluster: string): void {
    for (const { connection } of this.clusters.get(cluster)?.values() ?? []) connection.close();
    this.clusters.delete(cluster);
  }

  /** Ends all of them. */
  close(): void {
    for (const cluster of [...this.clusters.keys()]) this.forget(cluster);
  }

  private makeRoom(): void {
    let count = 0;
    for (const { size } of this.clusters.values()) count += size;
    for (const [key, { size }] of this.clusters) {
      if (count <= connectionsMax) return;
      if (this.users.has(key)) continue;
      this.forget(key);
      count -= size;
    }
  }
}

function isSame(left: Credentials | undefined, right: Credentials | undefined): boolean {
  return (
    left?.ca === right?.ca && left?.certificate === right?.certificate && left?.key === right?.key
  );
}

/** Throws TypeError or OpenSSL's error when the certificates are bad. */
function connectTo(
  { endpoint, serverName }: Asked,
  credentials: Credentials | undefined,
): EtcdConnection {
  const plain = { endpoints: [endpoint], deadlineMs: callDeadlineMs };
  if (credentials === undefined) return new Client(plain);
  const { ca, certificate, key } = credentials;
  const tls = { ca: bytes(ca), cert: bytes(certificate), key: bytes(key), serverName };
  return new Client({ ...plain, tls });
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
