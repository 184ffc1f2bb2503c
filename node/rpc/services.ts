/** Every method that the client port serves, by its gRPC path. */
import type { GrpcTransport } from "../grpc/transport.ts";
import type { Member } from "../server/member.ts";
import { Admission } from "./admission.ts";
import { ClusterService } from "./cluster.ts";
import { HealthService } from "./health.ts";
import { KvService } from "./kv.ts";
import { LeaderWatch } from "./leader-watch.ts";
import { LeaseService } from "./lease.ts";
import { registerLockServices } from "./lock-services.ts";
import { MaintenanceService } from "./maintenance.ts";
import { MemberChangesService } from "./member-changes.ts";
import { MoveLeaderService } from "./move-leader.ts";
import { RangeStreamService } from "./range-stream.ts";
import { SliceQueue } from "./slice-queue.ts";
import { WatchService } from "./watch.ts";

export interface ServiceLimits {
  readonly txnOpsMax: number;
  /** --watch-progress-notify-interval; 0 for the default. */
  readonly watchProgressIntervalMs?: number;
  /** Feature gate StopGRPCServiceOnDefrag. */
  readonly stopsOnDefrag?: boolean;
}

/** Services that the process has something to tell. */
export interface RegisteredServices {
  readonly health: HealthService;
}

/** etcd's defaultProgressReportInterval and minWatchProgressInterval. */
const progressIntervalDefaultMs = 600_000;
const progressIntervalMinMs = 100;

function progressIntervalMs({ watchProgressIntervalMs = 0 }: ServiceLimits): number {
  if (watchProgressIntervalMs === 0) return progressIntervalDefaultMs;
  return Math.max(watchProgressIntervalMs, progressIntervalMinMs);
}

export function registerServices(
  server: GrpcTransport,
  member: Member,
  limits: ServiceLimits,
): RegisteredServices {
  const { clock, timers, electionTimeoutMs, requestBytesMax, logger } = member;
  const admission = new Admission(member);
  const slices = new SliceQueue({ clock, timers });
  const hasLeader = (): boolean => member.hasLeader;
  const leaderWatch = new LeaderWatch({ timers, electionTimeoutMs, hasLeader });
  const kv = new KvService({ member, admission, slices, txnOpsMax: limits.txnOpsMax });
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
  server.addUnary("/etcdserverpb.KV/Compact", (call, bytes, start, end) =>
    kv.compact(call, bytes, start, end),
  );
  const rangeStream = { member, admission, slices, leaderWatch, requestBytesMax };
  const streams = new RangeStreamService(rangeStream);
  server.addStream("/etcdserverpb.KV/RangeStream", "serverStream", (call) => streams.open(call));
  const watch = new WatchService({
    member,
    admission,
    leaderWatch,
    requestBytesMax,
    progressIntervalMs: progressIntervalMs(limits),
    random: member.random,
  });
  server.addStream("/etcdserverpb.Watch/Watch", "bidi", (call) => watch.open(call));

  const { stopsOnDefrag = false } = limits;
  const health = new HealthService({ admission, leaderWatch, logger, stopsOnDefrag });
  health.addTo(server);
  registerMaintenance(server, new MaintenanceService(member, admission, health));
  const cluster = new ClusterService(member, admission);
  server.addUnary("/etcdserverpb.Cluster/MemberList", (call, bytes, start, end) =>
    cluster.memberList(call, bytes.subarray(start, end)),
  );
  registerReconfiguration(server, member, admission);
  const lease = new LeaseService({
    member,
    admission,
    leaderWatch,
    newId: () => member.newRequestId(),
  });
  registerLeases(server, lease);
  registerLockServices(server, { member, admission, leaderWatch, kv, lease });
  return { health };
}

function registerMaintenance(server: GrpcTransport, maintenance: MaintenanceService): void {
  server.addUnary("/etcdserverpb.Maintenance/Status", (call, bytes, start, end) =>
    maintenance.status(call, bytes.subarray(start, end)),
  );
  server.addUnary("/etcdserverpb.Maintenance/Alarm", (call, bytes, start, end) =>
    maintenance.alarm(call, bytes.subarray(start, end)),
  );
  server.addUnary("/etcdserverpb.Maintenance/Defragment", (call, bytes, start, end) =>
    maintenance.defragment(call, bytes.subarray(start, end)),
  );
  server.addUnary("/etcdserverpb.Maintenance/Hash", (call, bytes, start, end) =>
    maintenance.hash(call, bytes.subarray(start, end)),
  );
  server.addUnary("/etcdserverpb.Maintenance/HashKV", (call, bytes, start, end) =>
    maintenance.hashKv(call, bytes.subarray(start, end)),
  );
}

function registerLeases(server: GrpcTransport, lease: LeaseService): void {
  server.addUnary("/etcdserverpb.Lease/LeaseGrant", (call, bytes, start, end) =>
    lease.grant(call, bytes.subarray(start, end)),
  );
  server.addUnary("/etcdserverpb.Lease/LeaseRevoke", (call, bytes, start, end) =>
    lease.revoke(call, bytes.subarray(start, end)),
  );
  server.addUnary("/etcdserverpb.Lease/LeaseTimeToLive", (call, bytes, start, end) =>
    lease.timeToLive(call, bytes.subarray(start, end)),
  );
  server.addUnary("/etcdserverpb.Lease/LeaseLeases", (call, bytes, start, end) =>
    lease.leases(call, bytes.subarray(start, end)),
  );
  server.addStream("/etcdserverpb.Lease/LeaseKeepAlive", "bidi", (call) => lease.keepAlive(call));
}

/** What changes the members, and who leads. */
function registerReconfiguration(
  server: GrpcTransport,
  member: Member,
  admission: Admission,
): void {
  const changes = new MemberChangesService(member, admission);
  server.addUnary("/etcdserverpb.Cluster/MemberAdd", (call, bytes, start, end) =>
    changes.memberAdd(call, bytes.subarray(start, end)),
  );
  server.addUnary("/etcdserverpb.Cluster/MemberRemove", (call, bytes, start, end) =>
    changes.memberRemove(call, bytes.subarray(start, end)),
  );
  server.addUnary("/etcdserverpb.Cluster/MemberUpdate", (call, bytes, start, end) =>
    changes.memberUpdate(call, bytes.subarray(start, end)),
  );
  server.addUnary("/etcdserverpb.Cluster/MemberPromote", (call, bytes, start, end) =>
    changes.memberPromote(call, bytes.subarray(start, end)),
  );
  const moveLeader = new MoveLeaderService(member, admission);
  server.addUnary("/etcdserverpb.Maintenance/MoveLeader", (call, bytes, start, end) =>
    moveLeader.moveLeader(call, bytes.subarray(start, end)),
  );
}
