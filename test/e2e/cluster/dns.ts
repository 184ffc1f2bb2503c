/**
 * The cluster's DNS: CoreDNS, as a process beside the control plane, behind the usual kube-dns Service. So it outlives
 * every node that a test takes down.
 */
import { kubectl } from "../support/kubectl.ts";
import { built } from "../support/programs.ts";
import { attempt } from "../support/run.ts";
import { kubeconfigOf } from "./kubeconfig.ts";
import {
  clusterDomain,
  clusterName,
  controlPlaneAddress,
  dnsServiceAddress,
  inState,
} from "./layout.ts";
import { inNetwork } from "./network.ts";
import { ready, start } from "./processes.ts";

export const dnsProcess = "coredns";

/** The cluster's zones as kubeadm configures them. Other names do not exist, because nothing leads out. */
const corefile = `${clusterDomain}:53 in-addr.arpa:53 {
    bind ${controlPlaneAddress}
    errors
    kubernetes ${clusterDomain} in-addr.arpa {
        kubeconfig ${kubeconfigOf("coredns")}
        pods insecure
        ttl 30
    }
    cache 30 {
        disable success ${clusterDomain}
        disable denial ${clusterDomain}
    }
}
.:53 {
    bind ${controlPlaneAddress}
    errors
    template ANY ANY {
        rcode NXDOMAIN
    }
}
`;

/** Starts CoreDNS, and waits until it knows the API server's own Service. */
export async function dnsUp(): Promise<void> {
  await kubectl(["apply", "-f", "-"], { input: JSON.stringify(objects()) });
  const file = inState("Corefile");
  await start({
    name: dnsProcess,
    configuration: { path: file, text: corefile },
    command: inNetwork(clusterName, [built("coredns"), "-conf", file]),
  });
  const name = `kubernetes.default.svc.${clusterDomain}`;
  await ready(dnsProcess, async () => {
    const lookup = ["busybox", "nslookup", "-type=a", name, controlPlaneAddress] as const;
    const { code, stdout } = await attempt(inNetwork(clusterName, lookup), { timeoutMs: 1000 });
    return code === 0 ? undefined : stdout;
  });
}

function objects(): object {
  const metadata = { name: "kube-dns", namespace: "kube-system" };
  const ports = ["UDP", "TCP"].map((protocol) => ({
    name: protocol === "UDP" ? "dns" : "dns-tcp",
    port: 53,
    protocol,
  }));
  return {
    apiVersion: "v1",
    kind: "List",
    items: [
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { ...metadata, labels: { "k8s-app": "kube-dns" } },
        spec: { clusterIP: dnsServiceAddress, ports },
      },
      {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: { ...metadata, labels: { "kubernetes.io/service-name": "kube-dns" } },
        addressType: "IPv4",
        endpoints: [{ addresses: [controlPlaneAddress], conditions: { ready: true } }],
        ports,
      },
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRole",
        metadata: { name: "coredns" },
        rules: [
          {
            apiGroups: [""],
            resources: ["services", "pods", "namespaces"],
            verbs: ["list", "watch"],
          },
          {
            apiGroups: ["discovery.k8s.io"],
            resources: ["endpointslices"],
            verbs: ["list", "watch"],
          },
        ],
      },
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: "coredns" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "coredns" },
        subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "coredns" }],
      },
    ],
  };
}
