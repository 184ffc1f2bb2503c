/** What every output format prints, and the choice of one. */
import type {
  Alarms,
  HashKv,
  MemberAdd,
  MemberList,
  Status,
} from "../../client/cluster-results.ts";
import type {
  DeleteResult,
  Header,
  PutResult,
  RangeResult,
  TxnResult,
} from "../../client/kv-types.ts";
import type { LeaseGrant, LeaseRenewal, Leases, LeaseTimes } from "../../client/lease.ts";
import type { WatchResponse } from "../../client/watch-types.ts";
import type { Call } from "../command.ts";
import { FieldsPrinter } from "./fields.ts";
import { JsonPrinter } from "./json.ts";
import type { EndpointHealth } from "./rows.ts";
import { SimplePrinter } from "./simple.ts";
import { TablePrinter } from "./table.ts";

export interface EndpointStatus {
  readonly endpoint: string;
  readonly status: Status;
}

export interface EndpointHashKv {
  readonly endpoint: string;
  readonly hash: HashKv;
}

export interface WatchAnswer extends WatchResponse {
  /** The server has ended the watch. */
  readonly isCanceled: boolean;
  /** 0 where compaction is not the reason. */
  readonly compactRevision: number;
}

export type MemberChange = "removed from" | "updated in" | "promoted in";

/** A format that does not know an answer throws CtlError. */
export interface Printer {
  get(result: RangeResult, options?: { readonly isValueOnly?: boolean }): void;
  put(result: PutResult): void;
  del(result: DeleteResult): void;
  txn(result: TxnResult): void;
  watch(answer: WatchAnswer): void;
  leaseGrant(result: LeaseGrant): void;
  leaseRevoke(id: bigint, header: Header): void;
  leaseRenewal(result: LeaseRenewal): void;
  leaseTimes(result: LeaseTimes, withKeys: boolean): void;
  leases(result: Leases): void;
  memberList(result: MemberList): void;
  memberAdd(result: MemberAdd): void;
  memberChange(change: MemberChange, id: bigint, result: MemberList): void;
  endpointHealth(list: readonly EndpointHealth[]): void;
  endpointStatus(list: readonly EndpointStatus[]): void;
  endpointHashKv(list: readonly EndpointHashKv[]): void;
  moveLeader(leader: bigint, target: bigint, header: Header): void;
  alarms(result: Alarms): void;
}

/** As --write-out and --hex say. */
export function printer(call: Call): Printer {
  const { format, isHex } = call.settings();
  switch (format) {
    case "simple":
      return new SimplePrinter(call.io, isHex);
    case "fields":
      return new FieldsPrinter(call.io, isHex);
    case "json":
      return new JsonPrinter(call.io, isHex);
    case "table":
      return new TablePrinter(call.io);
  }
}
