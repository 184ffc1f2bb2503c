/**
 * Names, addresses and paths of the cluster: what the other files agree on. One cluster per machine; its state is below
 * one folder, which survives a reboot of the machine and is removed by down.ts.
 */
import { join, resolve } from "node:path";

/** The folder of everything: keys, configuration, data, logs, pid files. Must not be below /run. */
export const stateDir = resolve(process.env["ETCD_TS_E2E"] ?? "/var/lib/etcd-ts-e2e");

/** A path below the state folder. */
export const inState = (...parts: string[]): string => join(stateDir, ...parts);

/** The name of the control plane's network namespace, and of the cluster's cgroup. */
export const clusterName = "etcd-ts-e2e";

/** All addresses exist inside the cluster's network namespaces only. */
export const controlPlaneAddress = "10.90.0.1";
export const podRange = "10.91.0.0/16";
export const serviceRange = "10.92.0.0/16";
export const kubernetesServiceAddress = "10.92.0.1";
export const dnsServiceAddress = "10.92.0.10";
export const clusterDomain = "cluster.local";
export const apiServerUrl = `https://${controlPlaneAddress}:6443`;

/** The administrator's kubeconfig. Its server can be reached from the control plane's namespace and from nodes. */
export const adminKubeconfig = inState("admin.kubeconfig");

/** One machine of the cluster that runs pods. */
export interface NodeLayout {
  /** The Node's name: node-1, node-2, ... */
  readonly name: string;
  readonly networkNamespace: string;
  readonly address: string;
  readonly podRange: string;
  /** The node's part of the state folder. */
  readonly dir: string;
  /** The parent of all cgroups that the node's kubelet makes, relative to each controller's root. */
  readonly cgroup: string;
}

export const nodes: readonly NodeLayout[] = Array.from({ length: nodeCount() }, (_, at) => {
  const name = `node-${at + 1}`;
  return {
    name,
    networkNamespace: `${clusterName}-${name}`,
    address: `10.90.0.${at + 11}`,
    podRange: `10.91.${at + 1}.0/24`,
    dir: inState("nodes", name),
    cgroup: `/${clusterName}/${name}`,
  };
});

function nodeCount(): number {
  const text = process.env["ETCD_TS_E2E_NODES"] ?? "3";
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 9)
    throw new Error(`ETCD_TS_E2E_NODES is a number of nodes from 1 to 9, not ${text}`);
  return count;
}
