/**
 * What makes a machine a node of the cluster: the kubelet and kube-proxy.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { tryKubectl } from "../support/kubectl.ts";
import { built } from "../support/programs.ts";
import { makeCgroups } from "./cgroups.ts";
import { kubeconfigOf } from "./kubeconfig.ts";
import { clusterDomain, dnsServiceAddress, type NodeLayout, podRange } from "./layout.ts";
import { onNode } from "./machine.ts";
import { pkiFile } from "./pki.ts";
import { ready, start, startedAtMsOf } from "./processes.ts";
import { runtimeSocket } from "./runtime.ts";

export const kubeletProcess = (node: string): string => `${node}-kubelet`;
export const proxyProcess = (node: string): string => `${node}-kube-proxy`;

/** Starts the kubelet and the proxy, and waits until the API server says that the node is ready. */
export async function nodeUp(node: NodeLayout): Promise<void> {
  makeCgroups(node);
  const resolvFile = join(node.dir, "resolv.conf");
  // Pods that use the node's resolver find nothing outside, because nothing leads there.
  writeFileSync(resolvFile, `nameserver ${dnsServiceAddress}\n`);
  const kubelet = configured(node, "kubelet", kubeletConfiguration(node, resolvFile));
  await start({
    name: kubeletProcess(node.name),
    configuration: kubelet,
    command: onNode(node, [
      built("kubelet"),
      `--config=${kubelet.path}`,
      `--kubeconfig=${kubeconfigOf(node.name)}`,
      `--hostname-override=${node.name}`,
      `--node-ip=${node.address}`,
    ]),
  });
  const proxy = configured(node, "kube-proxy", proxyConfiguration(node));
  await start({
    name: proxyProcess(node.name),
    configuration: proxy,
    command: onNode(node, [built("kube-proxy"), `--config=${proxy.path}`]),
  });
  await ready(kubeletProcess(node.name), () => missingOf(node));
}

/** Why the node is not ready, as its kubelet reports it. What an earlier kubelet reported does not count. */
async function missingOf(node: NodeLayout): Promise<string | undefined> {
  const { code, stdout, stderr } = await tryKubectl(["get", "node", node.name, "-o", "json"]);
  if (code !== 0) return stderr;
  const { conditions } = (JSON.parse(stdout) as { status: { conditions?: Condition[] } }).status;
  const isReady = conditions?.find(({ type }) => type === "Ready");
  if (isReady === undefined) return "it has reported nothing yet";
  const startedAtMs = startedAtMsOf(kubeletProcess(node.name)) ?? 0;
  // The report's time is in whole seconds.
  if (Date.parse(isReady.lastHeartbeatTime) < startedAtMs - 1000) return "its report is an old one";
  return isReady.status === "True" ? undefined : isReady.message;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message: string;
  readonly lastHeartbeatTime: string;
}

function kubeletConfiguration(node: NodeLayout, resolvConf: string): object {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: pkiFile("ca.crt") },
    },
    authorization: { mode: "Webhook" },
    containerRuntimeEndpoint: `unix://${runtimeSocket}`,
    cgroupDriver: "cgroupfs",
    cgroupRoot: node.cgroup,
    failCgroupV1: false,
    failSwapOn: false,
    clusterDNS: [dnsServiceAddress],
    clusterDomain,
    resolvConf,
    volumePluginDir: "/var/lib/kubelet/volume-plugins",
    // How often it brings what has changed in Secrets to the files of pods. By default each minute, so that stories about certificates would mostly wait.
    syncFrequency: "10s",
    // The nodes share one disk with everything else on the machine, and an image that was removed cannot be pulled again.
    imageGCHighThresholdPercent: 100,
    evictionHard: {
      "memory.available": "100Mi",
      "nodefs.available": "1%",
      "nodefs.inodesFree": "1%",
      "imagefs.available": "1%",
    },
  };
}

function proxyConfiguration(node: NodeLayout): object {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "nftables",
    hostnameOverride: node.name,
    clientConnection: { kubeconfig: kubeconfigOf("kube-proxy") },
    clusterCIDR: podRange,
    // The kernel's table of connections is the whole machine's, and not to be resized from a namespace.
    conntrack: {
      maxPerCore: 0,
      min: 0,
      tcpEstablishedTimeout: "0s",
      tcpCloseWaitTimeout: "0s",
    },
  };
}

function configured(
  node: NodeLayout,
  name: string,
  configuration: object,
): { readonly path: string; readonly text: string } {
  // JSON is YAML.
  return { path: join(node.dir, `${name}.json`), text: JSON.stringify(configuration, null, 2) };
}
