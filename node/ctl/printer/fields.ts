/** -w fields: every field on a line of its own (etcdctl ctlv3/command/printer_fields.go). */
import type { Alarms, MemberList } from "../../client/cluster-results.ts";
import type {
  DeleteResult,
  Header,
  KeyValue,
  PutResult,
  RangeResult,
  TxnResult,
} from "../../client/kv-types.ts";
import type { LeaseGrant, LeaseRenewal, Leases, LeaseTimes } from "../../client/lease.ts";
import { CtlError, exitCode } from "../ctl-error.ts";
import { quote } from "../go-text.ts";
import type { Io } from "../process-io.ts";
import { rawText } from "../raw-text.ts";
import type { EndpointHashKv, EndpointStatus, Printer, WatchAnswer } from "./printer.ts";
import { alarmName, type EndpointHealth, eventName, idText, leaseText } from "./rows.ts";

/** A field of undefined is left out. */
type Fields = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

export class FieldsPrinter implements Printer {
  readonly #io: Pick<Io, "out">;
  readonly #isHex: boolean;

  constructor(io: Pick<Io, "out">, isHex: boolean) {
    this.#io = io;
    this.#isHex = isHex;
  }

  get({ header, kvs, more, count }: RangeResult): void {
    this.#header(header);
    for (const kv of kvs) this.#keyValue("", kv);
    this.#fields({ More: more, Count: count });
  }

  put({ header, prevKv }: PutResult): void {
    this.#header(header);
    if (prevKv !== undefined) this.#keyValue("Prev", prevKv);
  }

  del({ header, deleted, prevKvs }: DeleteResult): void {
    this.#header(header);
    this.#fields({ Deleted: deleted });
    for (const kv of prevKvs) this.#keyValue("Prev", kv);
  }

  txn({ header, succeeded, responses }: TxnResult): void {
    this.#header(header);
    this.#fields({ Succeeded: succeeded });
    for (const response of responses) {
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

  watch({ header, events }: WatchAnswer): void {
    this.#header(header);
    for (const { type, kv, prevKv } of events) {
      this.#fields({ Type: eventName(type) });
      if (prevKv !== undefined) this.#keyValue("Prev", prevKv);
      this.#keyValue("", kv);
    }
  }

  leaseGrant({ header, id, ttlSeconds }: LeaseGrant): void {
    this.#header(header);
    this.#fields({ ID: this.#lease(id), TTL: ttlSeconds });
  }

  leaseRevoke(_id: bigint, header: Header): void {
    this.#header(header);
  }

  leaseRenewal({ header, id, ttlSeconds }: LeaseRenewal): void {
    this.#header(header);
    this.#fields({ ID: this.#lease(id), TTL: ttlSeconds });
  }

  leaseTimes({ header, id, ttlSeconds, grantedTtlSeconds, keys }: LeaseTimes): void {
    this.#header(header);
    this.#fields({ ID: this.#lease(id), TTL: ttlSeconds, GrantedTTL: grantedTtlSeconds });
    for (const key of keys) this.#fields({ Key: quote(rawText(key)) });
  }

  leases({ header, ids }: Leases): void {
    this.#header(header);
    for (const id of ids) this.#fields({ ID: this.#lease(id) });
  }

  memberList({ header, members }: MemberList): void {
    this.#header(header);
    for (const member of members) {
      this.#fields({ ID: this.#id(member.id), Name: quote(member.name) });
      for (const url of member.peerUrls) this.#fields({ PeerURL: quote(url) });
      for (const url of member.clientUrls) this.#fields({ ClientURL: quote(url) });
      this.#fields({ IsLearner: member.isLearner });
      this.#end();
    }
  }

  endpointHealth(list: readonly EndpointHealth[]): void {
    for (const { endpoint, isHealthy, took, error } of list) {
      this.#fields({ Endpoint: quote(endpoint), Health: isHealthy, Took: took, Error: error });
      this.#end();
    }
  }

  endpointStatus(list: readonly EndpointStatus[]): void {
    for (const { endpoint, status } of list) {
      this.#header(status.header);
      this.#fields({
        Version: quote(status.version),
        StorageVersion: quote(status.storageVersion),
        DBSize: status.dbSizeBytes,
        DBSizeInUse: status.dbSizeInUseBytes,
        DBSizeQuota: status.dbSizeQuotaBytes,
        Leader: status.leader,
        IsLearner: status.isLearner,
        RaftIndex: status.raftIndex,
        RaftTerm: status.raftTerm,
        RaftAppliedIndex: status.raftAppliedIndex,
        Errors: `[${status.errors.join(" ")}]`,
        Endpoint: quote(endpoint),
        DowngradeTargetVersion: quote(status.downgrade.targetVersion),
        DowngradeEnabled: status.downgrade.isEnabled,
      });
      this.#end();
    }
  }

  endpointHashKv(list: readonly EndpointHashKv[]): void {
    for (const { endpoint, hash } of list) {
      this.#header(hash.header);
      this.#fields({
        Endpoint: quote(endpoint),
        Hash: hash.hash,
        HashRevision: hash.hashRevision,
      });
      this.#end();
    }
  }

  alarms({ header, alarms }: Alarms): void {
    this.#header(header);
    for (const { memberId, type } of alarms) {
      this.#fields({ MemberID: this.#id(memberId), AlarmType: alarmName(type) });
      this.#end();
    }
  }

  memberAdd(): never {
    return unsupported();
  }

  memberChange(): never {
    return unsupported();
  }

  moveLeader(): never {
    return unsupported();
  }

  #header({ clusterId, memberId, revision, raftTerm }: Header): void {
    this.#fields({
      ClusterID: this.#id(clusterId),
      MemberID: this.#id(memberId),
      // Answers that are not about keys have none.
      Revision: revision > 0 ? revision : undefined,
      RaftTerm: raftTerm,
    });
  }

  #keyValue(prefix: string, kv: KeyValue): void {
    this.#fields({
      [`${prefix}Key`]: quote(rawText(kv.key)),
      [`${prefix}CreateRevision`]: kv.createRevision,
      [`${prefix}ModRevision`]: kv.modRevision,
      [`${prefix}Version`]: kv.version,
      [`${prefix}Value`]: quote(rawText(kv.value)),
      [`${prefix}Lease`]: this.#lease(kv.lease),
    });
  }

  #id(id: bigint): string | bigint {
    return this.#isHex ? idText(id) : id;
  }

  #lease(id: bigint): string | bigint {
    return this.#isHex ? leaseText(id) : id;
  }

  #fields(fields: Fields): void {
    for (const [name, value] of Object.entries(fields))
      if (value !== undefined) this.#io.out(`"${name}" : ${value}\n`);
  }

  #end(): void {
    this.#io.out("\n");
  }
}

function unsupported(): never {
  throw new CtlError(exitCode.badFeature, "fields not supported as output format");
}
