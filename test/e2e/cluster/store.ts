/**
 * The API server's store. The one place that knows which program it is: ETCD_TS_E2E_STORE chooses.
 */
import { built } from "../support/programs.ts";
import { attempt, said } from "../support/run.ts";
import { clusterName, inState } from "./layout.ts";
import { inNetwork } from "./network.ts";
import { ready, start } from "./processes.ts";

/** Where the API server finds its store, from inside the control plane's namespace. */
export const storeUrl = "http://127.0.0.1:2379";

export const storeProcess = "store";

/** Throws when the chosen store cannot serve an API server. */
export function requireStore(): void {
  const kind = process.env["ETCD_TS_E2E_STORE"] ?? "etcd";
  if (kind === "etcd") return;
  if (kind === "etcd-ts")
    throw new Error(
      "ETCD_TS_E2E_STORE=etcd-ts: an API server needs Watch and Lease, which etcd-ts does not serve yet; use etcd",
    );
  throw new Error(`ETCD_TS_E2E_STORE is etcd or etcd-ts, not ${kind}`);
}

/** Starts the store and waits until it answers. */
export async function storeUp(): Promise<void> {
  requireStore();
  const flags = {
    name: "store",
    "data-dir": inState("store"),
    "listen-client-urls": storeUrl,
    "advertise-client-urls": storeUrl,
    "listen-peer-urls": "http://127.0.0.1:2380",
    "initial-advertise-peer-urls": "http://127.0.0.1:2380",
    "initial-cluster": "store=http://127.0.0.1:2380",
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  await start({
    name: storeProcess,
    command: inNetwork(clusterName, [built("etcd"), ...args]),
  });
  await ready(storeProcess, async () => {
    const health = await attempt(
      inNetwork(clusterName, ["busybox", "wget", "-q", "-O", "-", `${storeUrl}/health`]),
      { timeoutMs: 5000 },
    );
    return health.code === 0 && health.stdout.includes('"health":"true"')
      ? undefined
      : said(health);
  });
}
