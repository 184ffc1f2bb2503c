/** Passes a client's wish about a lease on to the leader: POST /leases and /leases/internal (etcd lease/leasehttp/http.go). */

import type { Timers } from "../lib/ports.ts";
import { etcdserverpb, leasepb } from "../proto/generated/messages.js";
import { int64Long, longToBigint, longToNumber } from "../proto/long.ts";
import type { LeaseReply, LeaseTimes } from "../server/peer-transport.ts";
import { ask, textOf } from "./ask.ts";
import type { Dialer } from "./dial.ts";
import { internalLeasesPath, leasesPath } from "./leases-handler.ts";

/** The leader answers within a second or not at all. */
const timeoutMs = 5000;
/** An answer may carry every key of a lease. */
const answerBytesMax = 100 * 1024 * 1024;

export interface LeaseClientPorts {
  readonly dialer: Dialer;
  readonly timers: Timers;
}

interface Question<Answer> {
  readonly path: string;
  readonly encode: () => Uint8Array;
  readonly decode: (bytes: Uint8Array) => Answer;
}

export class LeaseClient {
  private readonly ports: LeaseClientPorts;

  constructor(ports: LeaseClientPorts) {
    this.ports = ports;
  }

  /** Rejects when no address gives an answer that counts. */
  async renew(peerUrls: readonly string[], id: bigint): Promise<LeaseReply<number>> {
    const reply = await this.first(peerUrls, {
      path: leasesPath,
      encode: () => etcdserverpb.LeaseKeepAliveRequest.encode({ ID: int64Long(id) }).finish(),
      decode: (bytes) => etcdserverpb.LeaseKeepAliveResponse.decode(bytes),
    });
    if (reply === undefined) return { kind: "notFound" };
    mustBeOf(id, longToBigint(reply.ID));
    return { kind: "found", value: longToNumber(reply.TTL) };
  }

  /** As `renew`. */
  async times(
    peerUrls: readonly string[],
    id: bigint,
    withKeys: boolean,
  ): Promise<LeaseReply<LeaseTimes>> {
    const question = { LeaseTimeToLiveRequest: { ID: int64Long(id), keys: withKeys } };
    const reply = await this.first(peerUrls, {
      path: internalLeasesPath,
      encode: () => leasepb.LeaseInternalRequest.encode(question).finish(),
      decode: (bytes) => leasepb.LeaseInternalResponse.decode(bytes).LeaseTimeToLiveResponse ?? {},
    });
    if (reply === undefined) return { kind: "notFound" };
    mustBeOf(id, longToBigint(reply.ID));
    const value = {
      remainingSeconds: longToNumber(reply.TTL),
      grantedSeconds: longToNumber(reply.grantedTTL),
      keys: reply.keys ?? [],
    };
    return { kind: "found", value };
  }

  /** Undefined where the leader knows of no such lease. */
  private async first<Answer>(
    peerUrls: readonly string[],
    { path, encode, decode }: Question<Answer>,
  ): Promise<Answer | undefined> {
    let failure = new Error("a member without peer URLs");
    const body = encode();
    for (const url of peerUrls) {
      try {
        const reply = await ask(this.ports, {
          url,
          path,
          method: "POST",
          headers: { "Content-Type": "application/protobuf" },
          kind: "probe",
          timeoutMs,
          body,
          answerBytesMax,
        });
        if (reply.status === 404) return undefined;
        if (reply.status === 200) return decode(reply.body);
        failure = new Error(`${url}${path}: ${reply.status} ${textOf(reply)}`);
      } catch (error) {
        failure = new Error(`${url}${path}: ${String(error)}`, { cause: error });
      }
    }
    throw failure;
  }
}

function mustBeOf(id: bigint, answered: bigint): void {
  if (BigInt.asIntN(64, answered) !== BigInt.asIntN(64, id))
    throw new Error("an answer about another lease");
}
