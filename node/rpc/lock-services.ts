/** The methods of the Lock and Election services. All of them are served as streams, so that who waits learns that its client went away. */
import type { GrpcTransport } from "../grpc/transport.ts";
import type { Admission } from "./admission.ts";
import { ElectionService } from "./election.ts";
import type { LeaderWatch } from "./leader-watch.ts";
import { LockService } from "./lock.ts";
import { MemberKeySpace, type MemberKeySpaceOptions } from "./lock-key-space.ts";

export interface LockServicesOptions extends MemberKeySpaceOptions {
  readonly admission: Admission;
  readonly leaderWatch: LeaderWatch;
}

export function registerLockServices(server: GrpcTransport, options: LockServicesOptions): void {
  const { admission, leaderWatch } = options;
  const keys = new MemberKeySpace(options);
  const lock = new LockService(keys, admission);
  server.addStream("/v3lockpb.Lock/Lock", "unary", (call) => lock.lock(call));
  server.addStream("/v3lockpb.Lock/Unlock", "unary", (call) => lock.unlock(call));
  const election = new ElectionService({ keys, admission, leaderWatch });
  const path = (method: string): string => `/v3electionpb.Election/${method}`;
  server.addStream(path("Campaign"), "unary", (call) => election.campaign(call));
  server.addStream(path("Proclaim"), "unary", (call) => election.proclaim(call));
  server.addStream(path("Leader"), "unary", (call) => election.leader(call));
  server.addStream(path("Resign"), "unary", (call) => election.resign(call));
  server.addStream(path("Observe"), "serverStream", (call) => election.observe(call));
}
