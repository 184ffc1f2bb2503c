/** What a fake member answers over gRPC: etcd's messages, out of the small etcd of fake-etcd.ts. Only what the operator asks of a cluster that is well. */
import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import { longToBigint, numberLong, uint64Long } from "../../../node/proto/long.ts";
import type { FakeData, FakeMember } from "../fake-etcd.ts";

const pb = etcdserverpb;

/** One unary method: bytes in, bytes out. */
export interface Method {
  readonly path: string;
  /** `listHash`: of the member list that a change is for. Throws ClientError. */
  readonly answer: (
    data: FakeData,
    request: Uint8Array,
    listHash: string | undefined,
  ) => Uint8Array;
}

interface RequestCodec<Request> {
  decode(bytes: Uint8Array): Request;
}

interface ResponseCodec<Response> {
  encode(message: Response): { finish(): Uint8Array };
}

function method<Request, Response>(
  path: string,
  codecs: { readonly request: RequestCodec<Request>; readonly response: ResponseCodec<Response> },
  answer: (data: FakeData, request: Request, listHash: string | undefined) => Response,
): Method {
  return {
    path: `/etcdserverpb.${path}`,
    answer: (data, bytes, listHash) => {
      data.cluster.look();
      const response = answer(data, codecs.request.decode(bytes), listHash);
      return codecs.response.encode(response).finish();
    },
  };
}

export const methods: readonly Method[] = [
  method("Maintenance/Status", { request: pb.StatusRequest, response: pb.StatusResponse }, (data) =>
    statusOf(data),
  ),
  method(
    "Cluster/MemberList",
    { request: pb.MemberListRequest, response: pb.MemberListResponse },
    (data) => {
      data.cluster.listAt(data.memberId);
      return listOf(data);
    },
  ),
  method(
    "Cluster/MemberAdd",
    { request: pb.MemberAddRequest, response: pb.MemberAddResponse },
    (data, { peerURLs }, listHash) => {
      data.cluster.add(data.memberId, peerURLs[0] ?? "", listHash);
      const { header, members } = listOf(data);
      return { header, members, member: members.at(-1) ?? null };
    },
  ),
  method(
    "Cluster/MemberPromote",
    { request: pb.MemberPromoteRequest, response: pb.MemberPromoteResponse },
    (data, { ID }, listHash) => {
      data.cluster.promote(data.memberId, longToBigint(ID).toString(16), listHash);
      return listOf(data);
    },
  ),
];

function statusOf(data: FakeData): etcdserverpb.StatusResponse.$Properties {
  const { cluster, memberId, applied, dbSizeBytes } = data;
  const leader = cluster.leaderId;
  return {
    header: headerOf(data),
    version: "3.7.1",
    storageVersion: "3.7.0",
    dbSize: numberLong(dbSizeBytes),
    dbSizeInUse: numberLong(16_384),
    leader: idOf(leader ?? "0"),
    raftIndex: numberLong(Math.floor(applied)),
    raftAppliedIndex: numberLong(Math.floor(applied)),
    raftTerm: numberLong(cluster.currentTerm),
    errors: leader === undefined ? ["etcdserver: no leader"] : [],
    isLearner: cluster.members.find(({ id }) => id === memberId)?.isLearner === true,
  };
}

function listOf(data: FakeData): {
  readonly header: etcdserverpb.ResponseHeader.$Properties;
  readonly members: etcdserverpb.Member.$Properties[];
} {
  return { header: headerOf(data), members: data.cluster.members.map(memberOf) };
}

function memberOf({ id, name, peerUrl, isLearner }: FakeMember): etcdserverpb.Member.$Properties {
  const clientURLs = name === "" ? [] : [peerUrl.replace(/:2380$/, ":2379")];
  return { ID: idOf(id), name, peerURLs: [peerUrl], clientURLs, isLearner };
}

function headerOf({ cluster, memberId }: FakeData): etcdserverpb.ResponseHeader.$Properties {
  return {
    clusterId: idOf(cluster.clusterId),
    memberId: idOf(memberId),
    revision: numberLong(cluster.revision),
    raftTerm: numberLong(cluster.currentTerm),
  };
}

function idOf(hex: string): ReturnType<typeof uint64Long> {
  return uint64Long(BigInt(`0x${hex}`));
}
