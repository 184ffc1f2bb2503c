/** Which ends of a stream are failures to receive from its client, for /metrics (etcd v3rpc/util.go, isClientCtxErr). */
import { grpcCode } from "./errors.ts";

const clientsOwn: ReadonlySet<number> = new Set([
  grpcCode.canceled,
  grpcCode.deadlineExceeded,
  grpcCode.unavailable,
]);

/** `code`: as StreamCall.onCancel tells it. Who goes, or is sent away, is no failure; a request that cannot be read is one. */
export const isReceiveFailure = (code: number): boolean => !clientsOwn.has(code);
