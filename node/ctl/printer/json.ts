/** -w json: the messages with Go's field names, zero values left out (etcdctl ctlv3/command/printer_json.go). */
import {
  type Alarms,
  alarmType,
  type Member,
  type MemberAdd,
  type MemberList,
} from "../../client/cluster-results.ts";
import type {
  DeleteResult,
  Header,
  KeyValue,
  OpResult,
  PutResult,
  RangeResult,
  TxnResult,
} from "../../client/kv-types.ts";
import type { LeaseGrant, LeaseRenewal, Leases, LeaseTimes } from "../../client/lease.ts";
import type { WatchEvent } from "../../client/watch-types.ts";
import type { Io } from "../process-io.ts";
import { type Json, jsonText } from "./json-text.ts";
import type {
  EndpointHashKv,
  EndpointStatus,
  MemberChange,
  Printer,
  WatchAnswer,
} from "./printer.ts";
import { type EndpointHealth, idText } from "./rows.ts";

type Fields = Readonly<Record<string, Json | undefined>>;

export class JsonPrinter implements Printer {
  readonly #io: Pick<Io, "out">;
  /** Only ids of members and clusters, and only in answers about members. */
  readonly #isHex: boolean;

  constructor(io: Pick<Io, "out">, isHex: boolean) {
    this.#io = io;
    this.#isHex = isHex;
  }

  get(result: RangeResult): void {
    this.#print(range(result));
  }

  put(result: PutResult): void {
    this.#print(putFields(result));
  }

  del(result: DeleteResult): void {
    this.#print(deletion(result));
  }

  txn(result: TxnResult): void {
    this.#print(txnFields(result));
  }

  watch({ header, events, compactRevision, isCanceled }: WatchAnswer): void {
    this.#print({
      Header: headerFields(header) ?? {},
      Events: listOrNull(events.map(eventFields)),
      CompactRevision: compactRevision,
      Canceled: isCanceled,
      Created: false,
      CancelReason: "",
    });
  }

  leaseGrant({ header, id, ttlSeconds }: LeaseGrant): void {
    this.#print({ ...headerFields(header), ID: id, TTL: ttlSeconds, Error: "" });
  }

  leaseRevoke(_id: bigint, header: Header): void {
    this.#print(present({ header: headerFields(header) }));
  }

  leaseRenewal({ header, id, ttlSeconds }: LeaseRenewal): void {
    this.#print({ ...headerFields(header), ID: id, TTL: ttlSeconds });
  }

  leaseTimes({ header, id, ttlSeconds, grantedTtlSeconds, keys }: LeaseTimes): void {
    this.#print({
      ...headerFields(header),
      id,
      ttl: ttlSeconds,
      "granted-ttl": grantedTtlSeconds,
      keys: listOrNull(keys),
    });
  }

  leases({ header, ids }: Leases): void {
    this.#print({ ...headerFields(header), leases: ids.map((id) => ({ id })) });
  }

  memberList(result: MemberList): void {
    this.#print(this.#members(result));
  }

  memberAdd(result: MemberAdd): void {
    const { header, members } = this.#members(result);
    this.#print({ header, member: this.#member(result.member), members });
  }

  memberChange(_change: MemberChange, _id: bigint, result: MemberList): void {
    this.#print(this.#members(result));
  }

  endpointHealth(list: readonly EndpointHealth[]): void {
    this.#list(list, ({ endpoint, isHealthy, took, error }) => ({
      endpoint,
      health: isHealthy,
      took,
      ...present({ error }),
    }));
  }

  endpointStatus(list: readonly EndpointStatus[]): void {
    this.#list(list, ({ endpoint, status }) => ({
      Endpoint: endpoint,
      Status: present({
        header: headerFields(status.header),
        version: status.version,
        dbSize: status.dbSizeBytes,
        leader: status.leader,
        raftIndex: status.raftIndex,
        raftTerm: status.raftTerm,
        raftAppliedIndex: status.raftAppliedIndex,
        errors: status.errors,
        dbSizeInUse: status.dbSizeInUseBytes,
        isLearner: status.isLearner,
        storageVersion: status.storageVersion,
        dbSizeQuota: status.dbSizeQuotaBytes,
        downgradeInfo: present({
          enabled: status.downgrade.isEnabled,
          targetVersion: status.downgrade.targetVersion,
        }),
      }),
    }));
  }

  endpointHashKv(list: readonly EndpointHashKv[]): void {
    this.#list(list, ({ endpoint, hash }) => ({
      Endpoint: endpoint,
      HashKV: present({
        header: headerFields(hash.header),
        hash: hash.hash,
        compact_revision: hash.compactRevision,
        hash_revision: hash.hashRevision,
      }),
    }));
  }

  moveLeader(_leader: bigint, _target: bigint, header: Header): void {
    this.#print(present({ header: headerFields(header) }));
  }

  alarms({ header, alarms }: Alarms): void {
    this.#print(
      present({
        header: headerFields(header),
        alarms: alarms.map(({ memberId, type }) =>
          present({ memberID: memberId, alarm: alarmType(type) }),
        ),
      }),
    );
  }

  #members({ header, members }: MemberList): Fields {
    const list = members.map((member) => this.#member(member));
    if (!this.#isHex) return present({ header: headerFields(header), members: list });
    const { clusterId, memberId, revision, raftTerm } = header;
    const ids = { cluster_id: idText(clusterId), member_id: idText(memberId) };
    return {
      header: { ...ids, ...present({ revision, raft_term: raftTerm }) },
      members: list,
    };
  }

  #member({ id, name, peerUrls, clientUrls, isLearner }: Member): Fields {
    const rest = { name, peerURLs: peerUrls, clientURLs: clientUrls, isLearner };
    return this.#isHex ? { ID: idText(id), ...present(rest) } : present({ ID: id, ...rest });
  }

  #list<Item>(list: readonly Item[], fields: (item: Item) => Json): void {
    this.#print(listOrNull(list.map(fields)));
  }

  #print(value: Json): void {
    this.#io.out(`${jsonText(value)}\n`);
  }
}

/** Go's null for a list that never had an element. */
const listOrNull = (list: readonly Json[]): Json => (list.length === 0 ? null : list);

/** Without the fields that have their zero value; an empty message is no zero value. */
function present(fields: Fields): Fields {
  const isZero = (value: Json | undefined): boolean =>
    value === undefined ||
    value === 0 ||
    value === 0n ||
    value === false ||
    ((typeof value === "string" || Array.isArray(value) || value instanceof Uint8Array) &&
      value.length === 0);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isZero(value)));
}

/** Undefined for one that nothing was said of. */
function headerFields({ clusterId, memberId, revision, raftTerm }: Header): Fields | undefined {
  const fields = present({
    cluster_id: clusterId,
    member_id: memberId,
    revision,
    raft_term: raftTerm,
  });
  return Object.keys(fields).length === 0 ? undefined : fields;
}

function keyValue(kv: KeyValue): Fields {
  return present({
    key: kv.key,
    create_revision: kv.createRevision,
    mod_revision: kv.modRevision,
    version: kv.version,
    value: kv.value,
    lease: kv.lease,
  });
}

const eventFields = ({ type, kv, prevKv }: WatchEvent): Fields =>
  present({
    type: type === "delete" ? 1 : 0,
    kv: keyValue(kv),
    prev_kv: prevKv === undefined ? undefined : keyValue(prevKv),
  });

function range({ header, kvs, more, count }: RangeResult): Fields {
  return present({ header: headerFields(header), kvs: kvs.map(keyValue), more, count });
}

function putFields({ header, prevKv }: PutResult): Fields {
  return present({
    header: headerFields(header),
    prev_kv: prevKv === undefined ? undefined : keyValue(prevKv),
  });
}

function deletion({ header, deleted, prevKvs }: DeleteResult): Fields {
  return present({ header: headerFields(header), deleted, prev_kvs: prevKvs.map(keyValue) });
}

function txnFields({ header, succeeded, responses }: TxnResult): Fields {
  return present({
    header: headerFields(header),
    succeeded,
    responses: responses.map((response) => ({ Response: responseFields(response) })),
  });
}

function responseFields(response: OpResult): Fields {
  switch (response.type) {
    case "range":
      return { response_range: range(response) };
    case "put":
      return { response_put: putFields(response) };
    case "delete":
      return { response_delete_range: deletion(response) };
    case "txn":
      return { response_txn: txnFields(response) };
  }
}
