/** -w simple: what a person reads, and shell scripts take apart (etcdctl ctlv3/command/printer_simple.go). */
import type { Alarms, MemberAdd, MemberList } from "../../client/cluster-results.ts";
import type {
  DeleteResult,
  KeyValue,
  PutResult,
  RangeResult,
  TxnResult,
} from "../../client/kv-types.ts";
import type { LeaseGrant, LeaseRenewal, Leases, LeaseTimes } from "../../client/lease.ts";
import type { Io } from "../process-io.ts";
import { rawBytes, rawText } from "../raw-text.ts";
import type {
  EndpointHashKv,
  EndpointStatus,
  MemberChange,
  Printer,
  WatchAnswer,
} from "./printer.ts";
import {
  alarmName,
  type EndpointHealth,
  eventName,
  hashTable,
  idText,
  leaseText,
  memberTable,
  statusTable,
  type Table,
} from "./rows.ts";

const lineFeed = Buffer.from("\n");
const wideId = (id: bigint): string => idText(id).padStart(16);

export class SimplePrinter implements Printer {
  readonly #io: Pick<Io, "out" | "err">;
  readonly #isHex: boolean;

  constructor(io: Pick<Io, "out" | "err">, isHex: boolean) {
    this.#io = io;
    this.#isHex = isHex;
  }

  get({ kvs }: RangeResult, { isValueOnly = false } = {}): void {
    this.#keyValues(kvs, isValueOnly);
  }

  put({ prevKv }: PutResult): void {
    this.#line("OK");
    if (prevKv !== undefined) this.#keyValues([prevKv]);
  }

  del({ deleted, prevKvs }: DeleteResult): void {
    this.#line(String(deleted));
    this.#keyValues(prevKvs);
  }

  txn({ succeeded, responses }: TxnResult): void {
    this.#line(succeeded ? "SUCCESS" : "FAILURE");
    for (const response of responses) {
      this.#line("");
      switch (response.type) {
        case "put":
          this.put(response);
          break;
        case "delete":
          this.del(response);
          break;
        case "range":
          this.get(response);
          break;
        case "txn":
          this.txn(response);
      }
    }
  }

  watch({ events }: WatchAnswer): void {
    for (const { type, kv, prevKv } of events) {
      this.#line(eventName(type));
      this.#keyValues(prevKv === undefined ? [kv] : [prevKv, kv]);
    }
  }

  leaseGrant({ id, ttlSeconds }: LeaseGrant): void {
    this.#line(`lease ${leaseText(id)} granted with TTL(${ttlSeconds}s)`);
  }

  leaseRevoke(id: bigint): void {
    this.#line(`lease ${leaseText(id)} revoked`);
  }

  leaseRenewal({ id, ttlSeconds }: LeaseRenewal): void {
    this.#line(`lease ${leaseText(id)} keepalived with TTL(${ttlSeconds})`);
  }

  leaseTimes({ id, ttlSeconds, grantedTtlSeconds, keys }: LeaseTimes, withKeys: boolean): void {
    const lease = `lease ${leaseText(id)}`;
    if (grantedTtlSeconds === 0 && ttlSeconds === -1) {
      this.#line(`${lease} already expired`);
      return;
    }
    const names = keys.map(rawText).join(" ");
    const attached = withKeys ? `, attached keys([${names}])` : "";
    const times = `granted with TTL(${grantedTtlSeconds}s), remaining(${ttlSeconds}s)`;
    this.#io.out(rawBytes(`${lease} ${times}${attached}\n`));
  }

  leases({ ids }: Leases): void {
    this.#line(`found ${ids.length} leases`);
    for (const id of ids) this.#line(leaseText(id));
  }

  memberList(result: MemberList): void {
    this.#rows(memberTable(result));
  }

  memberAdd({ header, member }: MemberAdd): void {
    const as = member.isLearner ? " as learner" : "";
    this.#line(`Member ${wideId(member.id)} added${as} to cluster ${wideId(header.clusterId)}`);
  }

  memberChange(change: MemberChange, id: bigint, { header }: MemberList): void {
    this.#line(`Member ${wideId(id)} ${change} cluster ${wideId(header.clusterId)}`);
  }

  endpointHealth(list: readonly EndpointHealth[]): void {
    for (const { endpoint, took, error } of list) {
      if (error === "") {
        this.#line(`${endpoint} is healthy: successfully committed proposal: took = ${took}`);
      } else {
        this.#io.err(`${endpoint} is unhealthy: failed to commit proposal: ${error}\n`);
      }
    }
  }

  endpointStatus(list: readonly EndpointStatus[]): void {
    this.#rows(statusTable(list));
  }

  endpointHashKv(list: readonly EndpointHashKv[]): void {
    this.#rows(hashTable(list));
  }

  moveLeader(leader: bigint, target: bigint): void {
    this.#line(`Leadership transferred from ${idText(leader)} to ${idText(target)}`);
  }

  alarms({ alarms }: Alarms): void {
    for (const { memberId, type } of alarms) {
      const fields = [
        memberId === 0n ? "" : `memberID:${memberId}`,
        type === "none" ? "" : `alarm:${alarmName(type)}`,
      ];
      this.#line(fields.filter(Boolean).join(" "));
    }
  }

  /** One piece of output, however many there are. */
  #keyValues(kvs: readonly KeyValue[], isValueOnly = false): void {
    const pieces = kvs.flatMap(({ key, value }) =>
      isValueOnly
        ? [this.#bytes(value), lineFeed]
        : [this.#bytes(key), lineFeed, this.#bytes(value), lineFeed],
    );
    if (pieces.length > 0) this.#io.out(Buffer.concat(pieces));
  }

  #bytes(bytes: Uint8Array): Uint8Array {
    if (!this.#isHex) return bytes;
    return Buffer.from(Buffer.from(bytes).toString("hex").replace(/../g, "\\x$&"));
  }

  #rows({ rows }: Table): void {
    for (const row of rows) this.#line(row.join(", "));
  }

  #line(text: string): void {
    this.#io.out(`${text}\n`);
  }
}
