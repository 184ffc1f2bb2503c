/**
 * THE error table: what each refused request is on the wire. Codes and texts are etcd's contract with its clients
 * (api/v3/v3rpc/rpctypes/error.go, server/etcdserver/api/v3rpc/util.go); clientv3 decides by the text. A kind without a row does not
 * compile. Rows with code Unknown are as etcd 3.7.1 sends them: its map to gRPC names a client-side error there, or has no row.
 */

import type { UnaryCall } from "../grpc/unary-call.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";

interface Status {
  readonly code: number;
  readonly text: string;
}

/** google.golang.org/grpc/codes. */
export const grpcCode = {
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

const row =
  (code: number) =>
  (text: string): Status => ({ code, text: `etcdserver: ${text}` });
const canceled = row(grpcCode.canceled);
const invalid = row(grpcCode.invalidArgument);
const late = row(grpcCode.deadlineExceeded);
const missing = row(grpcCode.notFound);
const denied = row(grpcCode.permissionDenied);
const exhausted = row(grpcCode.resourceExhausted);
const failed = row(grpcCode.failedPrecondition);
const range = row(grpcCode.outOfRange);
const unavailable = row(grpcCode.unavailable);
const lost = row(grpcCode.dataLoss);
const unauthenticated = row(grpcCode.unauthenticated);
const unknown = row(grpcCode.unknown);

export const statusOf: Readonly<Record<EtcdErrorKind, Status>> = {
  EmptyKey: invalid("key is not provided"),
  KeyNotFound: invalid("key not found"),
  ValueProvided: invalid("value is provided"),
  LeaseProvided: invalid("lease is provided"),
  TooManyOps: invalid("too many operations in txn request"),
  DuplicateKey: invalid("duplicate key given in txn request"),
  InvalidSortOption: invalid("invalid sort option"),
  RequestTooLarge: invalid("request is too large"),
  Compacted: range("mvcc: required revision has been compacted"),
  FutureRev: range("mvcc: required revision is a future revision"),
  NoSpace: exhausted("mvcc: database space exceeded"),
  WatchCanceled: canceled("watch canceled"),

  LeaseNotFound: missing("requested lease not found"),
  LeaseExist: failed("lease already exists"),
  LeaseTTLTooLarge: range("too large lease TTL"),
  NotPrimaryLessor: { code: grpcCode.unknown, text: "not a primary lessor" },

  MemberExist: failed("member ID already exist"),
  PeerURLExist: failed("Peer URLs already exists"),
  MemberNotEnoughStarted: unknown("re-configuration failed due to not enough started members"),
  MemberBadURLs: invalid("given member URLs are invalid"),
  MemberNotFound: missing("member not found"),
  MemberNotLearner: failed("can only promote a learner member"),
  LearnerNotReady: failed("can only promote a learner member which is in sync with leader"),
  TooManyLearners: failed("too many learner members in cluster"),
  ClusterIDMismatch: failed("cluster ID mismatch"),
  MemberListChanged: {
    code: grpcCode.failedPrecondition,
    text: "etcd-ts: the member list has changed: its hash is not the one that the request names; nothing was changed",
  },
  JointChangeNotPossible: {
    code: grpcCode.failedPrecondition,
    text: "etcd-ts: several members cannot be changed at once while one is a real etcd, which would stop, or is not connected; change one after the other",
  },
  NotSupportedForLearner: failed("rpc not supported for learner"),

  RootUserNotExist: failed("root user does not exist"),
  RootRoleNotExist: failed("root user does not have root role"),
  UserAlreadyExist: failed("user name already exists"),
  UserEmpty: invalid("user name is empty"),
  UserNotFound: failed("user name not found"),
  RoleAlreadyExist: failed("role name already exists"),
  RoleNotFound: failed("role name not found"),
  RoleEmpty: invalid("role name is empty"),
  AuthFailed: invalid("authentication failed, invalid user ID or password"),
  NoPasswordUser: {
    code: grpcCode.unknown,
    text: "auth: authentication failed, password was given for no password user",
  },
  PermissionNotGiven: invalid("permission not given"),
  PermissionDenied: denied("permission denied"),
  RoleNotGranted: failed("role is not granted to the user"),
  PermissionNotGranted: failed("permission is not granted to the role"),
  AuthNotEnabled: failed("authentication is not enabled"),
  InvalidAuthToken: unauthenticated("invalid auth token"),
  InvalidAuthMgmt: invalid("invalid auth management"),
  AuthOldRevision: invalid("revision of auth store is old"),

  TooManyRequests: unknown("too many requests"),
  InvalidClientAPIVersion: invalid("invalid client api version"),
  NotCapable: failed("not capable"),
  NoLeader: unavailable("no leader"),
  NotLeader: failed("not leader"),
  LeaderChanged: unavailable("leader changed"),
  BadLeaderTransferee: failed("bad leader transferee"),
  TimeoutLeaderTransfer: unknown("request timed out, leader transfer took too long"),
  Stopped: unavailable("server stopped"),
  Timeout: unavailable("request timed out"),
  TimeoutDueToLeaderFail: unavailable("request timed out, possibly due to previous leader failure"),
  TimeoutDueToConnectionLost: unavailable("request timed out, possibly due to connection lost"),
  TimeoutWaitAppliedIndex: unavailable(
    "request timed out, waiting for the applied index took too long",
  ),
  Unhealthy: unavailable("unhealthy cluster"),
  Corrupt: lost("corrupt cluster"),
  UnknownMethod: unknown("unknown method"),
  DefragmentFailed: {
    code: grpcCode.unknown,
    text: "etcd-ts: the disk could not be compacted; the member's log says why",
  },
  Canceled: canceled("request canceled"),
  DeadlineExceeded: late("context deadline exceeded"),

  WrongDowngradeVersionFormat: invalid("wrong downgrade target version format"),
  InvalidDowngradeTargetVersion: invalid("invalid downgrade target version"),
  ClusterVersionUnavailable: failed("cluster version not found during downgrade"),
  DowngradeInProcess: failed("cluster has a downgrade job in progress"),
  NoInflightDowngrade: failed("no inflight downgrade job"),
};

/** What unary and streaming calls have in common here. */
type Failing = Pick<UnaryCall, "fail">;

export function failWith(call: Failing, error: EtcdErrorKind): void {
  const { code, text } = statusOf[error];
  call.fail(code, text);
}

/** A request whose bytes are no message of its type, in the words of grpc-go and Go's protobuf. */
export function failMalformed(call: Failing): void {
  call.fail(
    grpcCode.internal,
    "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data",
  );
}
