import assert from "node:assert/strict";
import { test } from "node:test";
import { failMalformed, failWith, statusOf } from "../../../node/rpc/errors.ts";
import { RecordedCall } from "./recorded-call.ts";

/**
 * What a client of etcd 3.7.1 sees: api/v3/v3rpc/rpctypes/error.go with the codes of google.golang.org/grpc/codes, and code Unknown where
 * its server's map (api/v3rpc/util.go) has no status.
 */
const goTable = {
  EmptyKey: [3, "etcdserver: key is not provided"],
  KeyNotFound: [3, "etcdserver: key not found"],
  ValueProvided: [3, "etcdserver: value is provided"],
  LeaseProvided: [3, "etcdserver: lease is provided"],
  TooManyOps: [3, "etcdserver: too many operations in txn request"],
  DuplicateKey: [3, "etcdserver: duplicate key given in txn request"],
  InvalidClientAPIVersion: [3, "etcdserver: invalid client api version"],
  InvalidSortOption: [3, "etcdserver: invalid sort option"],
  Compacted: [11, "etcdserver: mvcc: required revision has been compacted"],
  FutureRev: [11, "etcdserver: mvcc: required revision is a future revision"],
  NoSpace: [8, "etcdserver: mvcc: database space exceeded"],
  LeaseNotFound: [5, "etcdserver: requested lease not found"],
  LeaseExist: [9, "etcdserver: lease already exists"],
  LeaseTTLTooLarge: [11, "etcdserver: too large lease TTL"],
  NotPrimaryLessor: [2, "not a primary lessor"],
  WatchCanceled: [1, "etcdserver: watch canceled"],
  MemberExist: [9, "etcdserver: member ID already exist"],
  PeerURLExist: [9, "etcdserver: Peer URLs already exists"],
  MemberNotEnoughStarted: [
    2,
    "etcdserver: re-configuration failed due to not enough started members",
  ],
  MemberBadURLs: [3, "etcdserver: given member URLs are invalid"],
  MemberNotFound: [5, "etcdserver: member not found"],
  MemberNotLearner: [9, "etcdserver: can only promote a learner member"],
  LearnerNotReady: [
    9,
    "etcdserver: can only promote a learner member which is in sync with leader",
  ],
  TooManyLearners: [9, "etcdserver: too many learner members in cluster"],
  ClusterIDMismatch: [9, "etcdserver: cluster ID mismatch"],
  RequestTooLarge: [3, "etcdserver: request is too large"],
  TooManyRequests: [2, "etcdserver: too many requests"],
  RootUserNotExist: [9, "etcdserver: root user does not exist"],
  RootRoleNotExist: [9, "etcdserver: root user does not have root role"],
  UserAlreadyExist: [9, "etcdserver: user name already exists"],
  UserEmpty: [3, "etcdserver: user name is empty"],
  UserNotFound: [9, "etcdserver: user name not found"],
  RoleAlreadyExist: [9, "etcdserver: role name already exists"],
  RoleNotFound: [9, "etcdserver: role name not found"],
  RoleEmpty: [3, "etcdserver: role name is empty"],
  AuthFailed: [3, "etcdserver: authentication failed, invalid user ID or password"],
  NoPasswordUser: [2, "auth: authentication failed, password was given for no password user"],
  PermissionNotGiven: [3, "etcdserver: permission not given"],
  PermissionDenied: [7, "etcdserver: permission denied"],
  RoleNotGranted: [9, "etcdserver: role is not granted to the user"],
  PermissionNotGranted: [9, "etcdserver: permission is not granted to the role"],
  AuthNotEnabled: [9, "etcdserver: authentication is not enabled"],
  InvalidAuthToken: [16, "etcdserver: invalid auth token"],
  InvalidAuthMgmt: [3, "etcdserver: invalid auth management"],
  AuthOldRevision: [3, "etcdserver: revision of auth store is old"],
  NoLeader: [14, "etcdserver: no leader"],
  NotLeader: [9, "etcdserver: not leader"],
  LeaderChanged: [14, "etcdserver: leader changed"],
  NotCapable: [9, "etcdserver: not capable"],
  Stopped: [14, "etcdserver: server stopped"],
  Timeout: [14, "etcdserver: request timed out"],
  TimeoutDueToLeaderFail: [
    14,
    "etcdserver: request timed out, possibly due to previous leader failure",
  ],
  TimeoutDueToConnectionLost: [
    14,
    "etcdserver: request timed out, possibly due to connection lost",
  ],
  TimeoutWaitAppliedIndex: [
    14,
    "etcdserver: request timed out, waiting for the applied index took too long",
  ],
  TimeoutLeaderTransfer: [2, "etcdserver: request timed out, leader transfer took too long"],
  Unhealthy: [14, "etcdserver: unhealthy cluster"],
  Corrupt: [15, "etcdserver: corrupt cluster"],
  NotSupportedForLearner: [9, "etcdserver: rpc not supported for learner"],
  BadLeaderTransferee: [9, "etcdserver: bad leader transferee"],
  WrongDowngradeVersionFormat: [3, "etcdserver: wrong downgrade target version format"],
  InvalidDowngradeTargetVersion: [3, "etcdserver: invalid downgrade target version"],
  ClusterVersionUnavailable: [9, "etcdserver: cluster version not found during downgrade"],
  DowngradeInProcess: [9, "etcdserver: cluster has a downgrade job in progress"],
  NoInflightDowngrade: [9, "etcdserver: no inflight downgrade job"],
  UnknownMethod: [2, "etcdserver: unknown method"],
  Canceled: [1, "etcdserver: request canceled"],
  DeadlineExceeded: [4, "etcdserver: context deadline exceeded"],
} as const;

/** What etcd does not know. */
const ownTable = {
  DefragmentFailed: [2, "etcd-ts: the disk could not be compacted; the member's log says why"],
  JointChangeNotPossible: [
    9,
    "etcd-ts: several members cannot be changed at once while one is a real etcd, which would stop, or is not connected; change one after the other",
  ],
  MemberListChanged: [
    9,
    "etcd-ts: the member list has changed: its hash is not the one that the request names; nothing was changed",
  ],
} as const;

test("every refusal has the code and the text of etcd's rpctypes", () => {
  const rows = Object.entries(statusOf).map(([kind, { code, text }]) => [kind, [code, text]]);
  assert.deepEqual(Object.fromEntries(rows), { ...goTable, ...ownTable });
});

test("no two refusals share a text: clients decide by it", () => {
  const texts = Object.values(statusOf).map(({ text }) => text);
  assert.equal(new Set(texts).size, texts.length);
});

test("a refused call ends with the row of its kind", () => {
  const call = new RecordedCall();
  failWith(call, "FutureRev");
  assert.deepEqual(call.failures, [statusOf.FutureRev]);
});

test("bytes that are no message are grpc-go's internal error, with Go's text", () => {
  const call = new RecordedCall();
  failMalformed(call);
  const prefix = "grpc: error unmarshalling request: ";
  const text = `${prefix}proto: cannot parse invalid wire-format data`;
  assert.deepEqual(call.failures, [{ code: 13, text }]);
});
