/**
 * The API server, the controllers and the scheduler: processes in the control plane's network namespace.
 */

import { tryKubectl } from "../support/kubectl.ts";
import { built } from "../support/programs.ts";
import { attempt, said } from "../support/run.ts";
import { kubeconfigOf } from "./kubeconfig.ts";
import {
  clusterDomain,
  clusterName,
  controlPlaneAddress,
  inState,
  serviceRange,
} from "./layout.ts";
import { inNetwork } from "./network.ts";
import { pkiFile } from "./pki.ts";
import { ready, start } from "./processes.ts";
import { storeUrls } from "./store.ts";

export const controlPlaneProcesses = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
] as const;

type Flags = Readonly<Record<string, string>>;

/** Starts the API server and waits until all its checks pass. The store must be up. */
export async function apiServerUp(): Promise<void> {
  await startProgram("kube-apiserver", {
    "advertise-address": controlPlaneAddress,
    "secure-port": "6443",
    "etcd-servers": storeUrls().join(","),
    "service-cluster-ip-range": serviceRange,
    "authorization-mode": "Node,RBAC",
    "enable-admission-plugins": "NodeRestriction",
    "allow-privileged": "true",
    "client-ca-file": pkiFile("ca.crt"),
    "tls-cert-file": pkiFile("apiserver.crt"),
    "tls-private-key-file": pkiFile("apiserver.key"),
    "kubelet-client-certificate": pkiFile("apiserver-kubelet-client.crt"),
    "kubelet-client-key": pkiFile("apiserver-kubelet-client.key"),
    "kubelet-preferred-address-types": "InternalIP",
    "service-account-issuer": `https://kubernetes.default.svc.${clusterDomain}`,
    "service-account-key-file": pkiFile("service-account.pub"),
    "service-account-signing-key-file": pkiFile("service-account.key"),
  });
  await ready("kube-apiserver", async () => {
    const { code, stderr } = await tryKubectl(["get", "--raw=/readyz"], { timeoutMs: 5000 });
    return code === 0 ? undefined : stderr;
  });
}

/** Starts the controllers and the scheduler, and waits until they say that they are well. */
export async function controllersUp(): Promise<void> {
  // One of each, so nobody to elect a leader among: a restart need not wait for a lease to run out.
  const common = { "leader-elect": "false", "bind-address": "127.0.0.1" };
  await startProgram("kube-controller-manager", {
    ...common,
    kubeconfig: kubeconfigOf("controller-manager"),
    controllers: "*",
    "use-service-account-credentials": "true",
    "service-account-private-key-file": pkiFile("service-account.key"),
    "root-ca-file": pkiFile("ca.crt"),
    // It makes this folder, which by default is the machine's.
    "flex-volume-plugin-dir": inState("volume-plugins"),
    "cluster-signing-cert-file": pkiFile("ca.crt"),
    "cluster-signing-key-file": pkiFile("ca.key"),
  });
  await startProgram("kube-scheduler", { ...common, kubeconfig: kubeconfigOf("scheduler") });
  await Promise.all([
    ready("kube-controller-manager", () => health("https://127.0.0.1:10257/healthz")),
    ready("kube-scheduler", () => health("https://127.0.0.1:10259/healthz")),
  ]);
}

async function health(url: string): Promise<string | undefined> {
  const wget = ["busybox", "wget", "-q", "--no-check-certificate", "-O", "-"] as const;
  const answer = await attempt(inNetwork(clusterName, [...wget, url]), {
    timeoutMs: 5000,
  });
  return answer.code === 0 && answer.stdout === "ok" ? undefined : said(answer);
}

async function startProgram(
  name: (typeof controlPlaneProcesses)[number],
  flags: Flags,
): Promise<void> {
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  await start({ name, command: inNetwork(clusterName, [built(name), ...args]) });
}
