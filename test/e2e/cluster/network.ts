/**
 * The cluster's network: one network namespace for the control plane with a bridge, one per node on that bridge, a route
 * to each node's pods. Nothing of it is seen in the machine's own namespace, and nothing leads out of it.
 */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { attempt, type Command, run } from "../support/run.ts";
import {
  clusterName,
  controlPlaneAddress,
  type NodeLayout,
  nodes,
  serviceRange,
} from "./layout.ts";

const bridge = "nodes";
const namespaceFile = (name: string): string => `/run/netns/${name}`;

/** The command, run with the network of that namespace and all else of the machine. */
export function inNetwork(namespace: string, command: Command): Command {
  return ["nsenter", `--net=${namespaceFile(namespace)}`, ...command];
}

/** Makes what is missing. */
export async function networkUp(): Promise<void> {
  await makeNamespace(clusterName);
  if (!(await hasLink(clusterName, bridge)))
    await ip(clusterName, "link", "add", bridge, "type", "bridge");
  // Frames between nodes are nobody's to filter or count here.
  await setting(clusterName, "net/bridge/bridge-nf-call-iptables", "0");
  await ip(clusterName, "addr", "replace", `${controlPlaneAddress}/24`, "dev", bridge);
  await ip(clusterName, "link", "set", bridge, "up");
  for (const node of nodes) await nodeUp(node);
  for (const node of nodes) await routesOf(node);
  // Service addresses are translated on nodes; this lets programs of the control plane's namespace use them too.
  await ip(clusterName, "route", "replace", serviceRange, "via", nodes[0]!.address);
}

/** Removes the namespaces, and with them all links, addresses and routes. Processes inside must have ended. */
export async function networkDown(namespaces: readonly string[]): Promise<void> {
  for (const name of namespaces) {
    if (!existsSync(namespaceFile(name))) continue;
    if (await isNamespace(name)) await run(["ip", "netns", "del", name]);
    else rmSync(namespaceFile(name));
  }
  // The mount that `ip netns` makes for the first namespace on a machine goes with the last one.
  if (existsSync("/run/netns") && readdirSync("/run/netns").length === 0)
    await attempt(["umount", "/run/netns"]);
}

async function nodeUp(node: NodeLayout): Promise<void> {
  const namespace = node.networkNamespace;
  await makeNamespace(namespace);
  if (!(await hasLink(namespace, "eth0"))) {
    const peer = ["peer", "name", "eth0", "netns", namespace];
    await ip(clusterName, "link", "add", node.name, "type", "veth", ...peer);
  }
  await ip(clusterName, "link", "set", node.name, "master", bridge, "up");
  await ip(namespace, "addr", "replace", `${node.address}/24`, "dev", "eth0");
  await ip(namespace, "link", "set", "eth0", "up");
  await setting(namespace, "net/ipv4/ip_forward", "1");
  // A pod that reaches a pod of its own node by a Service: the answer crosses the bridge only and must be translated back.
  await setting(namespace, "net/bridge/bridge-nf-call-iptables", "1");
}

async function routesOf(node: NodeLayout): Promise<void> {
  const others = nodes.filter((other) => other !== node).map((other) => other.networkNamespace);
  for (const namespace of [clusterName, ...others])
    await ip(namespace, "route", "replace", node.podRange, "via", node.address);
}

async function makeNamespace(name: string): Promise<void> {
  if (await isNamespace(name)) return;
  // Where /run is on a disk, the file that held the namespace outlives a reboot.
  rmSync(namespaceFile(name), { force: true });
  await run(["ip", "netns", "add", name]);
  await ip(name, "link", "set", "lo", "up");
}

async function isNamespace(name: string): Promise<boolean> {
  if (!existsSync(namespaceFile(name))) return false;
  return (await attempt(inNetwork(name, ["true"]))).code === 0;
}

async function hasLink(namespace: string, link: string): Promise<boolean> {
  return (await attempt(["ip", "-n", namespace, "link", "show", "dev", link])).code === 0;
}

async function ip(namespace: string, ...args: string[]): Promise<void> {
  await run(["ip", "-n", namespace, ...args]);
}

async function setting(namespace: string, name: string, value: string): Promise<void> {
  await run(inNetwork(namespace, ["sh", "-c", `echo ${value} > /proc/sys/${name}`]));
}
