/** What the API refuses for want of space (etcd v3rpc/quota.go): it stays out of the log, and the alarm is raised before the answer goes out. */
import type { UnaryCall } from "../grpc/unary-call.ts";
import type { Quota } from "../server/quota.ts";
import { failWith } from "./errors.ts";

/** False when `costBytes` more would exceed the quota: then the call is refused, perhaps in a later turn. */
export function hasSpace(
  quota: Pick<Quota, "isExceededBy" | "raiseAlarm">,
  call: UnaryCall,
  costBytes: number,
): boolean {
  if (!quota.isExceededBy(costBytes)) return true;
  quota.raiseAlarm(() => failWith(call, "NoSpace"));
  return false;
}
