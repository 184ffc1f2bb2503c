/**
 * Kind one of the errors (DESIGN section 4, decision 7): a refused request, by etcd's names (api/v3/v3rpc/rpctypes). The closed union
 * is a result value, not an exception; the code and text of each on the wire stand in rpc/errors.ts alone.
 */
export type EtcdErrorKind =
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
  | "LeaseNotFound"
  | "NoLeader"
  | "Stopped"
  | "Timeout";
