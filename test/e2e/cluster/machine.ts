/**
 * The machine that a node runs on: a process that holds namespaces for network, processes, mounts and host name, with an
 * own /run and /var. All of a node's programs run inside; killing the holder is pulling the machine's plug: the kernel ends
 * every process in it and takes its mounts back.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "../support/run.ts";
import { removeCgroups } from "./cgroups.ts";
import { type NodeLayout, stateDir } from "./layout.ts";
import { inNetwork } from "./network.ts";
import { pidOf, ready, start, stop } from "./processes.ts";

const script = join(import.meta.dirname, "machine.sh");

/** Starts the node's machine, and waits until its mounts are made. */
export async function machineUp(node: NodeLayout): Promise<void> {
  mkdirSync(node.dir, { recursive: true });
  // Those of containers that ended with the machine before: the kubelet would look for each container in vain.
  if (pidOf(node.name) === undefined) await removeCgroups(node.cgroup);
  const namespaces = ["--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"];
  await start({
    name: node.name,
    command: inNetwork(node.networkNamespace, [
      "unshare",
      ...namespaces,
      "sh",
      script,
      node.name,
      stateDir,
      node.dir,
    ]),
  });
  await ready(node.name, async () =>
    existsSync(`/proc/${pidOf(node.name)}/root/run/machine-ready`) ? undefined : "its mounts",
  );
}

/** Ends the node's machine with everything that runs on it. */
export async function machineDown(name: string): Promise<void> {
  await stop(name, 0);
}

/** The command, run on the node: its processes, network and files. The machine must be up. */
export function onNode(node: NodeLayout, command: Command): Command {
  const holder = pidOf(node.name);
  if (holder === undefined) throw new Error(`${node.name} is down; node test/e2e/up.ts starts it`);
  const of = (kind: string): string => `/proc/${holder}/ns/${kind}`;
  // The holder itself stands outside of the process namespace that it made: its children are inside.
  const namespaces = [
    `--mount=${of("mnt")}`,
    `--uts=${of("uts")}`,
    `--net=${of("net")}`,
    `--pid=${of("pid_for_children")}`,
  ];
  return ["nsenter", ...namespaces, ...command];
}
