/**
 * THE error table: what each refused request is on the wire. Codes and texts are etcd's contract with its clients
 * (api/v3/v3rpc/rpctypes/error.go); clientv3 decides by the text. A kind without a row does not compile.
 */

import { statusCode } from "../grpc/status.ts";
import type { UnaryCall } from "../grpc/unary-call.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";

interface Status {
  readonly code: number;
  readonly text: string;
}

const outOfRange = 11;
const notFound = 5;

export const statusOf: Readonly<Record<EtcdErrorKind, Status>> = {
  EmptyKey: { code: statusCode.invalidArgument, text: "etcdserver: key is not provided" },
  KeyNotFound: { code: statusCode.invalidArgument, text: "etcdserver: key not found" },
  ValueProvided: { code: statusCode.invalidArgument, text: "etcdserver: value is provided" },
  LeaseProvided: { code: statusCode.invalidArgument, text: "etcdserver: lease is provided" },
  TooManyOps: {
    code: statusCode.invalidArgument,
    text: "etcdserver: too many operations in txn request",
  },
  DuplicateKey: {
    code: statusCode.invalidArgument,
    text: "etcdserver: duplicate key given in txn request",
  },
  InvalidSortOption: { code: statusCode.invalidArgument, text: "etcdserver: invalid sort option" },
  RequestTooLarge: { code: statusCode.invalidArgument, text: "etcdserver: request is too large" },
  Compacted: { code: outOfRange, text: "etcdserver: mvcc: required revision has been compacted" },
  FutureRev: { code: outOfRange, text: "etcdserver: mvcc: required revision is a future revision" },
  NoSpace: {
    code: statusCode.resourceExhausted,
    text: "etcdserver: mvcc: database space exceeded",
  },
  LeaseNotFound: { code: notFound, text: "etcdserver: requested lease not found" },
  NoLeader: { code: statusCode.unavailable, text: "etcdserver: no leader" },
  Stopped: { code: statusCode.unavailable, text: "etcdserver: server stopped" },
  Timeout: { code: statusCode.unavailable, text: "etcdserver: request timed out" },
};

export function failWith(call: UnaryCall, error: EtcdErrorKind): void {
  const { code, text } = statusOf[error];
  call.fail(code, text);
}

/** A request whose bytes are no message of its type, in the words of grpc-go and Go's protobuf. */
export function failMalformed(call: UnaryCall): void {
  call.fail(
    statusCode.internal,
    "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data",
  );
}
