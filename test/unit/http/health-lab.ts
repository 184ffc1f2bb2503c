/** A member as probes see it, in any state of health, behind the real routes. */
import { Health } from "../../../node/http/health.ts";
import type { CheckedMember } from "../../../node/http/health-checks.ts";
import { HealthStats } from "../../../node/http/health-stats.ts";
import type { Metrics } from "../../../node/http/metrics.ts";
import { MetricsHttp } from "../../../node/http/metrics-http.ts";
import { metricsRoutes, type Routes } from "../../../node/http/routes.ts";
import type { EtcdErrorKind } from "../../../node/lib/etcd-error.ts";
import { SystemTimers } from "../../../node/lib/platform/clock.ts";
import type { LogFields } from "../../../node/lib/ports.ts";
import { alarmType } from "../../../node/proto/alarm-codec.ts";
import type { ReadWaiter } from "../../../node/server/read-index.ts";
import { type Answer, exchange } from "./loopback.ts";

/** How a read ends; "never" for one that nobody answers. */
type ReadEnd = "ok" | "never" | EtcdErrorKind;

export interface Condition {
  readonly hasLeader?: boolean;
  readonly isLearner?: boolean;
  readonly isInstalling?: boolean;
  readonly linearizable?: ReadEnd;
  readonly serializable?: ReadEnd;
  /** Numbers of alarms, as they are listed. */
  readonly alarms?: readonly number[];
  /** Negative brings the time limit of a check, 5 s and two of these, near. */
  readonly electionTimeoutMs?: number;
}

function endBy(end: ReadEnd, waiter: ReadWaiter): void {
  if (end === "never") return;
  setImmediate(() => (end === "ok" ? waiter.readable() : waiter.refused(end)));
}

export function memberIn(condition: Condition): CheckedMember {
  const { linearizable = "ok", serializable = "ok", alarms = [] } = condition;
  const { hasLeader = true, isLearner = false, isInstalling = false } = condition;
  const member = {
    hasLeader,
    isLearner,
    isInstalling,
    electionTimeoutMs: condition.electionTimeoutMs ?? 1000,
    timers: new SystemTimers(),
    alarms: {
      isCorrupt: alarms.includes(alarmType.corrupt),
      isNoSpace: alarms.includes(alarmType.noSpace),
      list: () => alarms.map((alarm) => ({ memberId: 1n, alarm })),
    },
    linearizableRead: (waiter: ReadWaiter) => endBy(linearizable, waiter),
    whenReadable: (waiter: ReadWaiter) => endBy(serializable, waiter),
  };
  return member as unknown as CheckedMember;
}

export const metricsWith = (text: () => ReturnType<Metrics["text"]>): Routes =>
  metricsRoutes({ text });

export class HealthLab {
  readonly stats = new HealthStats();
  /** And errors. */
  readonly warnings: { readonly message: string; readonly fields: LogFields }[] = [];
  readonly health: Health;

  constructor(condition: Condition = {}) {
    const logger = {
      debug: () => undefined,
      info: () => undefined,
      error: (message: string, fields: LogFields = {}) => {
        this.warnings.push({ message, fields });
      },
      warn: (message: string, fields: LogFields = {}) => {
        this.warnings.push({ message, fields });
      },
    };
    this.health = new Health({ member: memberIn(condition), stats: this.stats, logger });
    this.health.servesClients = true;
  }

  /** Over a connection of a metrics listener of its own. */
  async ask(request: string): Promise<Answer> {
    const http = new MetricsHttp();
    http.routes = this.health.routes;
    try {
      return await exchange((socket) => http.serve(socket), request);
    } finally {
      http.close();
    }
  }
}
