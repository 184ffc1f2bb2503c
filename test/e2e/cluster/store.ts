/**
 * The API server's store. The one place that knows which program it is: ETCD_TS_E2E_STORE chooses between three members of etcd-ts, as they are
 * bundled for the image, and one real etcd.
 */

import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { built } from "../support/programs.ts";
import { attempt, type Command, run, said } from "../support/run.ts";
import { clusterName, inState } from "./layout.ts";
import { inNetwork } from "./network.ts";
import { ready, start, stop } from "./processes.ts";

const projectDir = join(import.meta.dirname, "../../..");

interface StoreMember {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
}

const at = (name: string, clientPort: number): StoreMember => ({
  name,
  clientUrl: `http://127.0.0.1:${clientPort}`,
  peerUrl: `http://127.0.0.1:${clientPort + 1}`,
});

type StoreKind = "etcd" | "etcd-ts";

const members: Readonly<Record<StoreKind, readonly StoreMember[]>> = {
  etcd: [at("store", 2379)],
  "etcd-ts": [at("store-1", 2379), at("store-2", 22379), at("store-3", 32379)],
};

/** Throws for a store that nobody knows. */
export function storeKind(): StoreKind {
  const kind = process.env["ETCD_TS_E2E_STORE"] ?? "etcd-ts";
  if (kind === "etcd" || kind === "etcd-ts") return kind;
  throw new Error(`ETCD_TS_E2E_STORE is etcd or etcd-ts, not ${kind}`);
}

/** Where the API server finds its store, from inside the control plane's namespace. */
export const storeUrls = (): readonly string[] =>
  members[storeKind()].map(({ clientUrl }) => clientUrl);

/** The processes that it may consist of, whichever kind runs. */
export const storeProcesses: readonly string[] = Object.values(members).flatMap((list) =>
  list.map(({ name }) => name),
);

/** Starts the store and waits until it answers. */
export async function storeUp(): Promise<void> {
  const kind = storeKind();
  const list = members[kind];
  for (const name of storeProcesses.filter((other) =>
    list.every((member) => member.name !== other),
  ))
    await stop(name);
  const program = kind === "etcd" ? ([built("etcd")] as const) : await bundled();
  for (const member of list) {
    const command = inNetwork(clusterName, [...program, ...flagsOf(member, list)]);
    await start({ name: member.name, command });
  }
  await Promise.all(list.map((member) => ready(member.name, () => problemOf(member))));
}

function flagsOf({ name, clientUrl, peerUrl }: StoreMember, all: readonly StoreMember[]): string[] {
  const flags = {
    name,
    "data-dir": inState(name),
    "listen-client-urls": clientUrl,
    "advertise-client-urls": clientUrl,
    "listen-peer-urls": peerUrl,
    "initial-advertise-peer-urls": peerUrl,
    "initial-cluster": all.map((member) => `${member.name}=${member.peerUrl}`).join(","),
  };
  return Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
}

async function problemOf({ clientUrl }: StoreMember): Promise<string | undefined> {
  const health = await attempt(
    inNetwork(clusterName, ["busybox", "wget", "-q", "-O", "-", `${clientUrl}/health`]),
    { timeoutMs: 5000 },
  );
  return health.code === 0 && health.stdout.includes('"health":"true"') ? undefined : said(health);
}

/** The server as it stands in the image, under a name that says which sources it is from: a store that runs stays what it is. */
async function bundled(): Promise<Command> {
  const hash = createHash("sha256");
  for (const path of globSync("{node/**/*,package-lock.json}", { cwd: projectDir }).sort()) {
    if (/\.(ts|js|json)$/.test(path))
      hash.update(`${path}\n`).update(readFileSync(join(projectDir, path)));
  }
  const folder = inState("store-program", hash.digest("hex").slice(0, 16));
  const stamp = join(folder, "whole");
  if (!existsSync(stamp)) {
    mkdirSync(folder, { recursive: true });
    const script = join(projectDir, ".config/bundle.mjs");
    await run([process.execPath, script, "etcd-ts", "--out-dir", folder]);
    writeFileSync(stamp, "");
  }
  return [process.execPath, join(folder, "etcd-ts")];
}
