/** The operator as its Deployment starts it: the bundled program, with the chart's flags and environment, and what the kernel knows of the process. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";

const projectDir = join(import.meta.dirname, "../../..");

export interface OperatorOptions {
  /** Where the bundle was put. */
  readonly dir: string;
  readonly kubeconfig: string;
  readonly metricsPort: number;
  readonly leaseName: string;
  readonly nodeOptions: string;
  readonly logFile: string;
}

interface ChartValues {
  readonly operator: {
    readonly nodeOptions: string;
    readonly workers: number;
    readonly resources: { readonly limits: { readonly memory: string } };
  };
}

function chartValues(): ChartValues["operator"] {
  const file = join(projectDir, "charts/etcd-ts/values.yaml");
  return (parse(readFileSync(file, "utf8")) as ChartValues).operator;
}

/** The chart's memory limit. */
export function limitBytes(): number {
  const { memory } = chartValues().resources.limits;
  const [, mebibytes] = /^(\d+)Mi$/.exec(memory) ?? [];
  if (mebibytes === undefined) throw new Error(`a limit that is not in Mi: ${memory}`);
  return Number(mebibytes) * 2 ** 20;
}

/** The chart's NODE_OPTIONS. What is a share of the container's memory there is worked out here, where no container has that limit. */
export function chartNodeOptions(): string {
  const mebibytes = limitBytes() / 2 ** 20;
  return chartValues().nodeOptions.replace(
    /--max-old-space-size-percentage=(\d+)/,
    (_, percent) => `--max-old-space-size=${Math.floor((mebibytes * Number(percent)) / 100)}`,
  );
}

/** As in the image. */
export async function bundleInto(dir: string): Promise<void> {
  const script = join(projectDir, ".config/bundle.mjs");
  const args = [script, "--out-dir", dir, "etcd-ts-operator"];
  await promisify(execFile)(process.execPath, args);
}

export async function applyCrds({
  dir,
  kubeconfig,
}: Pick<OperatorOptions, "dir" | "kubeconfig">): Promise<void> {
  const args = [join(dir, "etcd-ts-operator"), "apply-crds", `--kubeconfig=${kubeconfig}`];
  await promisify(execFile)(process.execPath, args);
}

/** See charts/etcd-ts/templates/operator/deployment.yaml. */
export function startOperator(options: OperatorOptions): ChildProcess {
  const { dir, kubeconfig, metricsPort, leaseName, nodeOptions, logFile } = options;
  const log = openSync(logFile, "a");
  const child = spawn(
    process.execPath,
    [
      join(dir, "etcd-ts-operator"),
      "run",
      "--default-image=etcd-ts:scale",
      "--leader-election-namespace=default",
      `--leader-election-name=${leaseName}`,
      `--metrics-address=127.0.0.1:${metricsPort}`,
      "--log-level=info",
      `--workers=${chartValues().workers}`,
      `--kubeconfig=${kubeconfig}`,
    ],
    {
      cwd: dir,
      env: { PATH: process.env["PATH"], POD_NAME: "operator-0", NODE_OPTIONS: nodeOptions },
      stdio: ["ignore", log, log],
    },
  );
  closeSync(log);
  return child;
}

/** What a process has and has had. */
export interface Usage {
  readonly rssBytes: number;
  /** The most that it ever had. */
  readonly peakRssBytes: number;
  readonly cpuSeconds: number;
}

/** Linux only. */
export function usageOf(pid: number): Usage {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const bytes = (name: string): number =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
  // Behind the name, which may hold spaces: fields 14 and 15 of proc(5), in hundredths of a second.
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  const cpuSeconds = (Number(stat[11]) + Number(stat[12])) / 100;
  return { rssBytes: bytes("VmRSS"), peakRssBytes: bytes("VmHWM"), cpuSeconds };
}

/** Bytes that are used of V8's heap. */
export function heapOf(metricsPort: number): Promise<number> {
  return seriesOf(metricsPort, "nodejs_heap_size_used_bytes");
}

/** Looks at a cluster that found nothing to do. */
export function looksOf(metricsPort: number): Promise<number> {
  return seriesOf(metricsPort, 'etcd_ts_operator_reconcile_total{result="done"}');
}

/** 0 as long as there is no such series. */
async function seriesOf(metricsPort: number, series: string): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
  const lines = (await answer.text()).split("\n");
  return Number(lines.find((line) => line.startsWith(`${series} `))?.slice(series.length) ?? 0);
}
