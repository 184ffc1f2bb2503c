/** Every method that the client port serves, by its gRPC path. */
import type { GrpcServer } from "../grpc/server.ts";
import type { Member } from "../server/member.ts";
import { ClusterService } from "./cluster.ts";
import { KvService } from "./kv.ts";
import { MaintenanceService } from "./maintenance.ts";

export interface ServiceLimits {
  readonly txnOpsMax: number;
  readonly quotaBytes: number;
}

export function registerServices(server: GrpcServer, member: Member, limits: ServiceLimits): void {
  const kv = new KvService({ member, ...limits });
  server.addUnary("/etcdserverpb.KV/Put", (call, bytes, start, end) =>
    kv.put(call, bytes, start, end),
  );
  server.addUnary("/etcdserverpb.KV/Range", (call, bytes, start, end) =>
    kv.range(call, bytes, start, end),
  );
  server.addUnary("/etcdserverpb.KV/DeleteRange", (call, bytes, start, end) =>
    kv.deleteRange(call, bytes, start, end),
  );
  server.addUnary("/etcdserverpb.KV/Txn", (call, bytes, start, end) =>
    kv.txn(call, bytes, start, end),
  );
  const maintenance = new MaintenanceService(member, limits.quotaBytes);
  server.addUnary("/etcdserverpb.Maintenance/Status", (call) => maintenance.status(call));
  server.addUnary("/etcdserverpb.Maintenance/Alarm", (call, bytes, start, end) =>
    maintenance.alarm(call, bytes, start, end),
  );
  const cluster = new ClusterService(member);
  server.addUnary("/etcdserverpb.Cluster/MemberList", (call, bytes, start, end) =>
    cluster.memberList(call, bytes, start, end),
  );
}
