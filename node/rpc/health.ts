/**
 * grpc.health.v1.Health as etcd serves it with grpc-go's health server (etcdserver/api/v3rpc/health.go): one service is known, "" for the
 * member as a whole. It serves as soon as clients are let in; a defragmentation changes that only behind the feature gate
 * StopGRPCServiceOnDefrag. Unlike etcd's, watchers are told when the member stops, and do not hold up its end.
 */
import type { StreamCall } from "../grpc/stream-call.ts";
import type { GrpcTransport } from "../grpc/transport.ts";
import type { UnaryCall } from "../grpc/unary-call.ts";
import type { Logger } from "../lib/ports.ts";
import { grpc } from "../proto/generated/messages.js";
import { type Admission, demandsLeader } from "./admission.ts";
import { failWith, grpcCode } from "./errors.ts";
import type { LeaderWatch } from "./leader-watch.ts";
import { admittedMessage, decodedMessage, replyMessage } from "./request-bytes.ts";

const { HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse } =
  grpc.health.v1;
type ServingStatus = grpc.health.v1.HealthCheckResponse.ServingStatus;

const {
  SERVING: serving,
  NOT_SERVING: notServing,
  SERVICE_UNKNOWN: serviceUnknown,
} = HealthCheckResponse.ServingStatus;

/** The only service that is known. */
const wholeServer = "";

export interface HealthServiceOptions {
  readonly admission: Admission;
  readonly leaderWatch: LeaderWatch;
  readonly logger: Pick<Logger, "info" | "warn">;
  /** Feature gate StopGRPCServiceOnDefrag. */
  readonly stopsOnDefrag: boolean;
}

/** A stream that is told of changes. */
interface Watcher {
  readonly call: StreamCall;
  /** Another service than `wholeServer` is unknown for ever. */
  readonly isOfKnown: boolean;
  /** Its client has not taken what was sent: changes are held back, and only the newest is sent then. */
  isBehind: boolean;
  sent: ServingStatus;
}

export class HealthService {
  private readonly options: HealthServiceOptions;
  private readonly watchers = new Set<Watcher>();
  private status: ServingStatus = serving;
  private defragmentations = 0;
  private isStopped = false;

  constructor(options: HealthServiceOptions) {
    this.options = options;
    this.logChange();
  }

  addTo(server: Pick<GrpcTransport, "addStream" | "addUnary">): void {
    server.addUnary("/grpc.health.v1.Health/Check", (call, bytes, start, end) =>
      this.check(call, bytes.subarray(start, end)),
    );
    server.addUnary("/grpc.health.v1.Health/List", (call, bytes, start, end) =>
      this.list(call, bytes.subarray(start, end)),
    );
    server.addStream("/grpc.health.v1.Health/Watch", "serverStream", (call) => this.watch(call));
  }

  // ---- what changes the status ----

  defragStarted(): void {
    this.defragmentations += 1;
    if (this.options.stopsOnDefrag) this.change(notServing, "defrag is active");
  }

  defragFinished(): void {
    this.defragmentations -= 1;
    if (this.defragmentations === 0) this.change(serving);
  }

  /** The member stops: watchers hear it, and are ended. */
  stop(): void {
    this.change(notServing, "the member stops");
    this.isStopped = true;
    for (const { call } of this.watchers) failWith(call, "Stopped");
    this.watchers.clear();
  }

  private change(status: ServingStatus, reason?: string): void {
    if (this.isStopped || status === this.status) return;
    this.status = status;
    this.logChange(reason);
    for (const watcher of this.watchers) this.tell(watcher);
  }

  private logChange(reason?: string): void {
    const { logger } = this.options;
    const fields = { service: wholeServer, status: HealthCheckResponse.ServingStatus[this.status] };
    if (reason === undefined) logger.info("grpc service status changed", fields);
    else logger.warn("grpc service status changed", { ...fields, reason });
  }

  // ---- calls ----

  private check(call: UnaryCall, bytes: Uint8Array): void {
    const { admission } = this.options;
    const request = { type: HealthCheckRequest, bytes, isForLearners: false };
    const message = admittedMessage(call, admission, request);
    if (message === undefined) return;
    if (message.service === wholeServer)
      replyMessage(call, HealthCheckResponse, { status: this.status });
    else call.fail(grpcCode.notFound, "unknown service");
  }

  private list(call: UnaryCall, bytes: Uint8Array): void {
    const { admission } = this.options;
    const request = { type: HealthListRequest, bytes, isForLearners: false };
    if (admittedMessage(call, admission, request) === undefined) return;
    replyMessage(call, HealthListResponse, {
      statuses: { [wholeServer]: { status: this.status } },
    });
  }

  private watch(call: StreamCall): void {
    const error = this.options.admission.refuse(call, false, "stream");
    if (error !== undefined) {
      failWith(call, error);
      return;
    }
    call.onMessage((bytes, start, end) => {
      call.onMessage(() => undefined);
      const request = decodedMessage(call, HealthCheckRequest, bytes.subarray(start, end));
      if (request !== undefined) this.beginWatch(call, request.service);
    });
  }

  private beginWatch(call: StreamCall, service: string): void {
    if (this.isStopped) {
      failWith(call, "Stopped");
      return;
    }
    const isOfKnown = service === wholeServer;
    const watcher: Watcher = { call, isOfKnown, isBehind: false, sent: serviceUnknown };
    const forgetLeader = demandsLeader(call)
      ? this.options.leaderWatch.add(() => {
          this.watchers.delete(watcher);
          failWith(call, "NoLeader");
        })
      : () => undefined;
    call.onCancel(() => {
      forgetLeader();
      this.watchers.delete(watcher);
    });
    call.onDrain(() => {
      watcher.isBehind = false;
      this.tell(watcher);
    });
    this.watchers.add(watcher);
    if (isOfKnown) this.tell(watcher);
    else send(call, serviceUnknown);
  }

  private tell(watcher: Watcher): void {
    if (!watcher.isOfKnown || watcher.isBehind || watcher.sent === this.status) return;
    watcher.sent = this.status;
    watcher.isBehind = !send(watcher.call, this.status) && !watcher.call.isOver;
  }
}

function send(call: StreamCall, status: ServingStatus): boolean {
  const bytes = HealthCheckResponse.encode({ status }).finish();
  return call.send(bytes, 0, bytes.length);
}
