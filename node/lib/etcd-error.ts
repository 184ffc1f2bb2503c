/**
 * Kind one of the errors (DESIGN section 4, decision 7): a refused request, by etcd's names (api/v3/v3rpc/rpctypes, and the sentinels
 * of its server that have no row there). The closed union is a result value, not an exception; the code and text of each on the wire
 * stand in rpc/errors.ts alone.
 */
export type EtcdErrorKind =
  | KvErrorKind
  | LeaseErrorKind
  | MembershipErrorKind
  | AuthErrorKind
  | ServerErrorKind
  | DowngradeErrorKind;

type KvErrorKind =
  | "EmptyKey"
  | "KeyNotFound"
  | "ValueProvided"
  | "LeaseProvided"
  | "TooManyOps"
  | "DuplicateKey"
  | "InvalidSortOption"
  | "RequestTooLarge"
  | "Compacted"
  | "FutureRev"
  | "NoSpace"
  | "WatchCanceled";

type LeaseErrorKind = "LeaseNotFound" | "LeaseExist" | "LeaseTTLTooLarge" | "NotPrimaryLessor";

type MembershipErrorKind =
  | "MemberExist"
  | "PeerURLExist"
  | "MemberNotEnoughStarted"
  | "MemberBadURLs"
  | "MemberNotFound"
  | "MemberNotLearner"
  | "LearnerNotReady"
  | "TooManyLearners"
  | "ClusterIDMismatch"
  /** Not of etcd: the member list is not the one that the request names. */
  | "MemberListChanged"
  /** Not of etcd: a joint configuration, in a cluster where not everybody is known to stand it. */
  | "JointChangeNotPossible"
  | "NotSupportedForLearner";

type AuthErrorKind =
  | "RootUserNotExist"
  | "RootRoleNotExist"
  | "UserAlreadyExist"
  | "UserEmpty"
  | "UserNotFound"
  | "RoleAlreadyExist"
  | "RoleNotFound"
  | "RoleEmpty"
  | "AuthFailed"
  | "NoPasswordUser"
  | "PermissionNotGiven"
  | "PermissionDenied"
  | "RoleNotGranted"
  | "PermissionNotGranted"
  | "AuthNotEnabled"
  | "InvalidAuthToken"
  | "InvalidAuthMgmt"
  | "AuthOldRevision";

type ServerErrorKind =
  | "TooManyRequests"
  | "InvalidClientAPIVersion"
  | "NotCapable"
  | "NoLeader"
  | "NotLeader"
  | "LeaderChanged"
  | "BadLeaderTransferee"
  | "TimeoutLeaderTransfer"
  | "Stopped"
  | "Timeout"
  | "TimeoutDueToLeaderFail"
  | "TimeoutDueToConnectionLost"
  | "TimeoutWaitAppliedIndex"
  | "Unhealthy"
  | "Corrupt"
  | "UnknownMethod"
  /** Not of etcd, which answers what the operating system says. */
  | "DefragmentFailed"
  | "Canceled"
  | "DeadlineExceeded";

type DowngradeErrorKind =
  | "WrongDowngradeVersionFormat"
  | "InvalidDowngradeTargetVersion"
  | "ClusterVersionUnavailable"
  | "DowngradeInProcess"
  | "NoInflightDowngrade";
