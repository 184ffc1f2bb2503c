/**
 * The metrics of the process: those of prom-client by the names that every Prometheus client has (process_*), and those of Node.js (nodejs_*);
 * file descriptors by etcd's names too. Of prom-client's, what would cost a scrape much is left out: lists of every socket.
 */
import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { collectDefaultMetrics, type MetricValue, Registry } from "prom-client";
import type { StallWatch } from "../server/stall-watch.ts";
import type { Family, MetricRegistry } from "./metric-registry.ts";
import { type Labels, lineOfSample } from "./metric-text.ts";

/**
 * nodejs_eventloop_lag_* is "Nan" before it has seen anything, and ours is etcd_ts_event_loop_delay_seconds; nodejs_active_* lists what is open,
 * and so does process_open_fds, which is done off this thread here.
 */
const unwanted = /^(nodejs_(eventloop_lag|active)_|process_(open_fds$|cpu_))/;

/** One of a histogram has the name of its line. */
type NamedValue = MetricValue<string> & { readonly metricName?: string };

/** What has to be asked for before it can be told. */
export class ProcessState {
  /** As many as there are connections, and more; 0 where there is no /proc. */
  openFiles = 0;
  /** By the name of the family. */
  readonly values = new Map<string, readonly NamedValue[]>();
  readonly registry = new Registry();

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    for (const { name } of this.registry.getMetricsAsArray()) {
      if (unwanted.test(name)) this.registry.removeSingleMetric(name);
    }
  }

  /** Asks. Some of prom-client's families are filled by others, so all of them come first. */
  async collect(): Promise<void> {
    const names = await readdir("/proc/self/fd").catch(() => []);
    this.openFiles = names.length;
    for (const { name, values } of await this.registry.getMetricsAsJSON())
      this.values.set(name, values);
  }
}

export function registerProcess(
  to: MetricRegistry,
  sources: { readonly stalls: StallWatch; readonly state: ProcessState },
): void {
  const { stalls, state } = sources;
  to.histogram(
    "etcd_ts_event_loop_delay_seconds",
    "How late the event loop came to a timer.",
    stalls.delaySeconds,
  );
  to.gauge("process_open_fds", "File descriptors that are open.", () => state.openFiles);
  to.gauge("os_fd_used", "File descriptors in use.", () => state.openFiles);
  const limit = fileLimit();
  to.gauge("os_fd_limit", "File descriptors allowed.", () => limit);
  registerCpu(to);
  registerDefaults(to, state);
}

/** From the start of the process on; prom-client's begin with the first one who asks. */
function registerCpu(to: MetricRegistry): void {
  const seconds = ({ user = 0, system = 0 }: Partial<NodeJS.CpuUsage>): number =>
    (user + system) / 1e6;
  to.counter("process_cpu_seconds_total", "CPU time spent, in seconds.", () =>
    seconds(process.cpuUsage()),
  );
  to.counter("process_cpu_user_seconds_total", "CPU time spent in the program, in seconds.", () =>
    seconds({ user: process.cpuUsage().user }),
  );
  to.counter("process_cpu_system_seconds_total", "CPU time spent in the system, in seconds.", () =>
    seconds({ system: process.cpuUsage().system }),
  );
}

function registerDefaults(to: MetricRegistry, { registry, values }: ProcessState): void {
  for (const { name, help, type } of registry.getMetricsAsArray()) {
    const lines = (): string[] =>
      (values.get(name) ?? []).map(({ metricName = name, labels, value }) =>
        lineOfSample(metricName, textLabels(labels), value),
      );
    to.add({ name, help, type: type as unknown as Family["type"], lines });
  }
}

const textLabels = (labels: Readonly<Record<string, unknown>>): Labels =>
  Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]));

/** 0 where there is no /proc. */
function fileLimit(): number {
  try {
    return Number(
      /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? 0,
    );
  } catch {
    return 0;
  }
}
