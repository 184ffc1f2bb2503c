/**
 * The order in which the cluster comes up and goes down. Both may be run again at any time: up starts what is missing,
 * down ends what is there.
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { kubectl } from "../support/kubectl.ts";
import { step } from "../support/log.ts";
import { requirePrograms } from "../support/programs.ts";
import { removeCgroups } from "./cgroups.ts";
import { apiServerUp, controllersUp, controlPlaneProcesses } from "./control-plane.ts";
import { dnsProcess, dnsUp } from "./dns.ts";
import { baseImagesUp } from "./images.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { clusterName, inState, nodes, stateDir } from "./layout.ts";
import { machineDown, machineUp } from "./machine.ts";
import { networkDown, networkUp } from "./network.ts";
import { kubeletProcess, nodeUp, proxyProcess } from "./node.ts";
import { makeKeys } from "./pki.ts";
import { stop } from "./processes.ts";
import { runtimeProcess, runtimeUp } from "./runtime.ts";
import { storeKind, storeProcesses, storeUp } from "./store.ts";
import { noteSettings, restoreSettings } from "./sysctls.ts";
import { provisionerProcess, volumesUp } from "./volumes.ts";

/** Brings the whole cluster up, from whatever is there. */
export async function up(): Promise<void> {
  requireRoot();
  requirePrograms();
  storeKind();
  mkdirSync(stateDir, { recursive: true });
  noteSettings();
  await step("keys and certificates", async () => {
    await makeKeys();
    for (const client of clients()) writeKubeconfig(client);
  });
  await step("network namespaces", networkUp);
  await Promise.all([
    step("store and API server", async () => {
      await storeUp();
      await apiServerUp();
    }),
    step("machines with containerd and base images", runtimesUp),
  ]);
  await Promise.all([
    step("controllers and scheduler", controllersUp),
    step("DNS", dnsUp),
    step("volumes", volumesUp),
    step("access of the API server to kubelets", allowKubeletAccess),
    step(`${nodes.length} nodes ready`, async () => {
      await Promise.all(nodes.map(nodeUp));
    }),
  ]);
}

/** Ends the cluster. Its state folder goes too, unless it is to be kept for the next `up`. */
export async function down(options: { readonly isStateKept: boolean }): Promise<void> {
  requireRoot();
  const names = knownNodes();
  await step("nodes with all that runs on them", async () => {
    await Promise.all(names.map(machineDown));
    for (const name of names)
      for (const process of [kubeletProcess, proxyProcess, runtimeProcess])
        await stop(process(name));
  });
  await step("control plane", async () => {
    const beside = [dnsProcess, provisionerProcess];
    await Promise.all([...beside, ...controlPlaneProcesses].map((name) => stop(name)));
    await Promise.all(storeProcesses.map((name) => stop(name)));
  });
  await step("network namespaces, cgroups, settings", async () => {
    await networkDown([...names.map((name) => `${clusterName}-${name}`), clusterName]);
    await removeCgroups();
    restoreSettings();
  });
  if (!options.isStateKept)
    await step("state", async () => rmSync(stateDir, { recursive: true, force: true }));
}

async function runtimesUp(): Promise<void> {
  await Promise.all(
    nodes.map(async (node) => {
      await machineUp(node);
      await runtimeUp(node);
    }),
  );
  await baseImagesUp();
}

/** What `kubectl logs` and `kubectl exec` need: the API server passes them on to the kubelet in its own name. */
async function allowKubeletAccess(): Promise<void> {
  const rbac = "rbac.authorization.k8s.io";
  const binding = {
    apiVersion: `${rbac}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: "apiserver-kubelet-client" },
    roleRef: { apiGroup: rbac, kind: "ClusterRole", name: "system:kubelet-api-admin" },
    subjects: [{ apiGroup: rbac, kind: "User", name: "kube-apiserver-kubelet-client" }],
  };
  await kubectl(["apply", "-f", "-"], { input: JSON.stringify(binding) });
}

function clients(): readonly string[] {
  const programs = [
    "admin",
    "controller-manager",
    "scheduler",
    "kube-proxy",
    "coredns",
    "local-path-provisioner",
  ];
  return [...programs, ...nodes.map(({ name }) => name)];
}

/** The nodes that were ever brought up, which may be more than are asked for now. */
function knownNodes(): readonly string[] {
  const dir = inState("nodes");
  const made = existsSync(dir) ? readdirSync(dir) : [];
  return [...new Set([...made, ...nodes.map(({ name }) => name)])];
}

function requireRoot(): void {
  if (process.getuid?.() !== 0)
    throw new Error("a cluster needs root: it makes namespaces, mounts and cgroups");
}
