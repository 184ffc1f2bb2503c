/** grpc.health.v1 on a member: what it says, and what changes that. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type { StreamHandler } from "../../../node/grpc/stream-call.ts";
import type { UnaryHandler } from "../../../node/grpc/unary-call.ts";
import type { LogFields } from "../../../node/lib/ports.ts";
import { grpc } from "../../../node/proto/generated/messages.js";
import { Admission } from "../../../node/rpc/admission.ts";
import { HealthService } from "../../../node/rpc/health.ts";
import { LeaderWatch } from "../../../node/rpc/leader-watch.ts";
import { ServiceStats } from "../../../node/server/service-stats.ts";
import { RecordedCall, RecordedStream } from "./recorded-call.ts";

const { HealthCheckRequest, HealthCheckResponse, HealthListResponse } = grpc.health.v1;
const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse.ServingStatus;
const stopped = { code: 14, text: "etcdserver: server stopped" };

class Lab {
  readonly services = new ServiceStats();
  readonly member = {
    cluster: { version: "3.7.0" },
    isLearner: false,
    hasLeader: true,
    stats: { services: this.services },
  };
  readonly log: {
    readonly level: string;
    readonly message: string;
    readonly fields?: LogFields;
  }[] = [];
  readonly health: HealthService;
  /** The leader is gone for good. */
  leaderGone = (): void => undefined;
  private readonly unary = new Map<string, UnaryHandler>();
  private readonly streams = new Map<string, StreamHandler>();

  constructor(stopsOnDefrag = false) {
    const { member } = this;
    const leaderWatch = new LeaderWatch({
      timers: {
        after: () => ({ cancel: () => undefined }),
        every: (_, run) => {
          this.leaderGone = () => {
            for (let sample = 0; sample < 3; sample++) run();
          };
          return { cancel: () => undefined };
        },
        endOfTurn: () => undefined,
      },
      electionTimeoutMs: 1000,
      hasLeader: () => member.hasLeader,
    });
    const told =
      (level: string) =>
      (message: string, fields: LogFields = {}): void => {
        this.log.push({ level, message, fields });
      };
    const logger = { info: told("info"), warn: told("warn") };
    const admission = new Admission(member);
    this.health = new HealthService({ admission, leaderWatch, logger, stopsOnDefrag });
    this.health.addTo({
      addUnary: (path, handler) => this.unary.set(path, handler),
      addStream: (path, kind, handler) => {
        assert.equal(kind, "serverStream");
        this.streams.set(path, handler);
      },
    });
  }

  call(method: string, message: Uint8Array = new Uint8Array(0)): RecordedCall {
    const call = new RecordedCall();
    this.unary.get(`/grpc.health.v1.Health/${method}`)?.(call, message, 0, message.length);
    return call;
  }

  check(service = ""): number | { readonly code: number; readonly text: string } | undefined {
    const { replies, failures } = this.call("Check", requestOf(service));
    return replies[0] === undefined ? failures[0] : HealthCheckResponse.decode(replies[0]).status;
  }

  watch(service = "", metadata: Record<string, string> = {}): RecordedStream {
    const stream = new RecordedStream(metadata);
    this.streams.get("/grpc.health.v1.Health/Watch")?.(stream);
    if (!stream.isOver) stream.deliver(requestOf(service));
    return stream;
  }
}

const requestOf = (service: string): Uint8Array => HealthCheckRequest.encode({ service }).finish();

const sent = (stream: RecordedStream): number[] =>
  stream.sent.map((bytes) => HealthCheckResponse.decode(bytes).status);

let lab: Lab;
beforeEach(() => {
  lab = new Lab();
});

describe("Check", () => {
  test("says that the member as a whole serves, from the start, and logs it", () => {
    assert.equal(lab.check(), SERVING);
    assert.deepEqual(lab.log, [
      {
        level: "info",
        message: "grpc service status changed",
        fields: { service: "", status: "SERVING" },
      },
    ]);
  });

  test("knows no other service", () => {
    for (const service of ["etcdserverpb.KV", "grpc.health.v1.Health", "x"]) {
      assert.deepEqual(lab.check(service), { code: 5, text: "unknown service" });
    }
  });

  test("is refused by a learner, and before the cluster has a version, as every other call", () => {
    lab.member.isLearner = true;
    const learner = { code: 9, text: "etcdserver: rpc not supported for learner" };
    assert.deepEqual(lab.check(), learner);
    assert.deepEqual(lab.call("List").failures, [learner]);
    assert.deepEqual(lab.watch().end, learner);
  });

  test("serves also without a leader: it says nothing of the cluster", () => {
    lab.member.hasLeader = false;
    assert.equal(lab.check(), SERVING);
  });

  test("fails where the bytes are no request", () => {
    assert.equal(lab.call("Check", Uint8Array.of(0xff)).failures[0]?.code, 13);
  });
});

test("List has the one service that is known", () => {
  const { replies } = lab.call("List");
  const { statuses } = HealthListResponse.decode(replies[0] as Uint8Array);
  assert.deepEqual(Object.keys(statuses), [""]);
  assert.equal(statuses[""]?.status, SERVING);
});

describe("Watch", () => {
  test("says how it is now, and stays open", () => {
    const stream = lab.watch();
    assert.deepEqual(sent(stream), [SERVING]);
    assert.equal(stream.end, "open");
  });

  test("of a service that nobody knows says so, and stays open", () => {
    const stream = lab.watch("x");
    assert.deepEqual(sent(stream), [SERVICE_UNKNOWN]);
    assert.equal(stream.end, "open");
  });

  test("counts as a stream of its client's version", () => {
    lab.watch();
    lab.check();
    assert.deepEqual([...lab.services.clientRequests], [["unknown", { unary: 1, stream: 1 }]]);
  });

  test("ends without a leader for those who demand one", () => {
    const patient = lab.watch();
    const demanding = lab.watch("", { hasleader: "true" });
    lab.member.hasLeader = false;
    lab.leaderGone();
    assert.equal(patient.end, "open");
    assert.deepEqual(demanding.end, { code: 14, text: "etcdserver: no leader" });
  });
});

describe("a defragmentation", () => {
  test("changes nothing without the feature gate", () => {
    const stream = lab.watch();
    lab.health.defragStarted();
    assert.equal(lab.check(), SERVING);
    lab.health.defragFinished();
    assert.deepEqual(sent(stream), [SERVING]);
  });

  test("with StopGRPCServiceOnDefrag is not served until the last one has finished", () => {
    lab = new Lab(true);
    const stream = lab.watch();
    const other = lab.watch("x");
    lab.health.defragStarted();
    lab.health.defragStarted();
    assert.equal(lab.check(), NOT_SERVING);
    lab.health.defragFinished();
    assert.equal(lab.check(), NOT_SERVING);
    lab.health.defragFinished();
    assert.equal(lab.check(), SERVING);
    assert.deepEqual(sent(stream), [SERVING, NOT_SERVING, SERVING]);
    assert.deepEqual(sent(other), [SERVICE_UNKNOWN]);
    assert.deepEqual(lab.log[1], {
      level: "warn",
      message: "grpc service status changed",
      fields: { service: "", status: "NOT_SERVING", reason: "defrag is active" },
    });
  });

  test("a watcher that is behind hears only how it is when it has caught up", () => {
    lab = new Lab(true);
    const stream = lab.watch();
    stream.capacity = 1;
    lab.health.defragStarted();
    lab.health.defragFinished();
    lab.health.defragStarted();
    assert.deepEqual(sent(stream), [SERVING, NOT_SERVING]);
    lab.health.defragFinished();
    stream.drain();
    assert.deepEqual(sent(stream), [SERVING, NOT_SERVING, SERVING]);
  });
});

describe("a member that stops", () => {
  test("tells its watchers, ends them, and serves no more", () => {
    const streams = [lab.watch(), lab.watch("x")] as const;
    const gone = lab.watch();
    gone.cancel();
    lab.health.stop();
    assert.deepEqual(sent(streams[0]), [SERVING, NOT_SERVING]);
    assert.deepEqual(sent(gone), [SERVING]);
    for (const { end } of streams) assert.deepEqual(end, stopped);
    assert.equal(lab.check(), NOT_SERVING);
    assert.deepEqual(lab.watch().end, stopped);
  });

  test("does not serve again when a defragmentation ends", () => {
    lab = new Lab(true);
    lab.health.defragStarted();
    lab.health.stop();
    lab.health.defragFinished();
    assert.equal(lab.check(), NOT_SERVING);
  });
});
