/** An operator's connection to one fake member: what node/client's Client does, in virtual time and with a network that may be cut or slow. */
import { ClientError } from "../../node/client/client-error.ts";
import type { MemberList, Status } from "../../node/client/cluster-results.ts";
import type { EtcdConnection } from "../../operator/controller/etcd-connections.ts";
import type { Network } from "./direct-transport.ts";
import { type FakeData, type FakeMember, smallBytes } from "./fake-etcd.ts";
import type { ProcessView, VirtualTime } from "./virtual-time.ts";

interface Wire {
  readonly time: VirtualTime;
  readonly process: ProcessView;
  readonly network: Network;
  /** The process behind the endpoint now; undefined when there is none, or when it cannot be reached. */
  readonly find: () => FakeData | undefined;
  /** What is asked, as it leaves; gives how much longer than usual it is under way. */
  readonly sent: (call: string) => number;
}

const listHashKey = "etcd-ts-member-list-hash";

export function fakeConnection(wire: Wire): EtcdConnection {
  const call = <Value>(name: string, run: (data: FakeData) => Value): Promise<Value> =>
    exchange(wire, name, run);
  const hashIn = (options?: { readonly metadata?: Readonly<Record<string, string>> }) =>
    options?.metadata?.[listHashKey];
  return {
    connect: () => call("connect", () => undefined),
    close: () => undefined,
    status: () => call("status", statusOf),
    memberList: () => call("memberList", listOf),
    alarms: () => call("alarms", alarmsOf),
    hashKv: (options) =>
      call("hashKv", (data) => ({
        header: headerOf(data),
        hash: data.cluster.corrupt.has(data.memberId) ? 666 : 7,
        compactRevision: 1,
        hashRevision: Number(options?.revision ?? 0),
      })),
    memberAdd: ([peerUrl = ""], options) =>
      call(`add ${peerUrl}`, (data) => {
        data.cluster.add(data.memberId, peerUrl, hashIn(options));
        const list = listOf(data);
        return { ...list, member: list.members.at(-1) as MemberList["members"][number] };
      }),
    memberPromote: (id, options) =>
      call(`promote ${hex(id)}`, (data) => {
        data.cluster.promote(data.memberId, hex(id), hashIn(options));
        return listOf(data);
      }),
    memberRemove: (id, options) =>
      call(`remove ${hex(id)}`, (data) => {
        data.cluster.remove(data.memberId, hex(id), hashIn(options));
        return membersOf(data);
      }),
    moveLeader: (id) =>
      call(`move-leader ${hex(id)}`, (data) => {
        data.cluster.moveLeader(data.memberId, hex(id));
        return headerOf(data);
      }),
    compact: (revision) =>
      call(`compact ${revision}`, (data) => {
        data.cluster.compact(data.memberId);
        return headerOf(data);
      }),
    defragment: () =>
      call("defragment", (data) => {
        data.dbSizeBytes = smallBytes;
      }),
    disarmAlarm: ({ memberId, type }) =>
      call(`disarm ${hex(memberId)}`, (data) => {
        const { cluster } = data;
        cluster.alarms = cluster.alarms.filter(
          (alarm) => alarm.memberId !== hex(memberId) || alarm.kind !== type,
        );
        return alarmsOf(data);
      }),
  };
}

/** What has left arrives, whatever becomes of the process that sent it; the answer is heard in its own time. */
function exchange<Value>(
  { time, process, network, find, sent }: Wire,
  name: string,
  run: (data: FakeData) => Value,
): Promise<Value> {
  const { promise, resolve, reject } = Promise.withResolvers<Value>();
  const answer = (give: () => void): void => {
    time.after(network.latencyMs(), () => process.timers.after(0, give));
  };
  time.after(network.latencyMs() + sent(name), () => {
    const data = find();
    if (data === undefined) {
      answer(() => reject(new ClientError(14, "No connection established: refused")));
      return;
    }
    try {
      data.cluster.look();
      const value = run(data);
      answer(() => resolve(value));
    } catch (error) {
      answer(() => reject(error));
    }
  });
  return promise;
}

function statusOf(data: FakeData): Status {
  const { cluster, memberId, applied, dbSizeBytes } = data;
  const own = cluster.members.find(({ id }) => id === memberId);
  const leader = cluster.leaderId;
  const alarms = cluster.alarms.map(
    (alarm) => `memberID:${alarm.memberId} alarm:${alarm.kind.toUpperCase()}`,
  );
  return {
    header: headerOf(data),
    version: "3.7.1",
    dbSizeBytes,
    dbSizeInUseBytes: 16_384,
    dbSizeQuotaBytes: 0,
    leader: leader === undefined ? 0n : BigInt(`0x${leader}`),
    raftIndex: Math.floor(applied),
    raftTerm: cluster.currentTerm,
    raftAppliedIndex: Math.floor(applied),
    errors: leader === undefined ? ["etcdserver: no leader", ...alarms] : alarms,
    isLearner: own?.isLearner === true,
    storageVersion: "3.7.0",
    downgrade: { isEnabled: false, targetVersion: "" },
  };
}

function listOf(data: FakeData): MemberList {
  data.cluster.listAt(data.memberId);
  return membersOf(data);
}

function membersOf(data: FakeData): MemberList {
  return { header: headerOf(data), members: data.cluster.members.map(memberOf) };
}

function memberOf({ id, name, peerUrl, isLearner }: FakeMember): MemberList["members"][number] {
  return { id: BigInt(`0x${id}`), name, peerUrls: [peerUrl], clientUrls: [], isLearner };
}

function alarmsOf(data: FakeData): Awaited<ReturnType<EtcdConnection["alarms"]>> {
  const alarms = data.cluster.alarms.map(({ memberId, kind }) => {
    return { memberId: BigInt(`0x${memberId}`), type: kind };
  });
  return { header: headerOf(data), alarms };
}

function headerOf({ cluster, memberId }: FakeData): Status["header"] {
  return {
    clusterId: BigInt(`0x${cluster.clusterId}`),
    memberId: BigInt(`0x${memberId}`),
    revision: cluster.revision,
    raftTerm: cluster.currentTerm,
  };
}

function hex(id: bigint): string {
  return id.toString(16);
}
