/** The connections to members: one for each member and endpoint, kept from one look to the next. */
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

interface Kept {
  readonly connection: EtcdConnection;
  readonly serverName: string;
  readonly credentials: Credentials | undefined;
}

export class EtcdConnections {
  private readonly connect: Connect;
  /** Key of the cluster ▸ endpoint ▸ connection. */
  private readonly clusters = new Map<string, Map<string, Kept>>();

  constructor(connect: Connect = connectTo) {
    this.connect = connect;
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
    if (after.size === 0) this.clusters.delete(key);
    else this.clusters.set(key, after);
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
