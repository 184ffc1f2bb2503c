/**
 * Where the programs are that a cluster consists of: those that test/peers/install.sh builds, and those of the system.
 */
import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

const builtPrograms = [
  "etcd",
  "kubectl",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubelet",
  "kube-proxy",
  "coredns",
  "local-path-provisioner",
  "helm3",
  "helm4",
] as const;

const systemPrograms = [
  "containerd",
  "ctr",
  "runc",
  "iptables",
  "nft",
  "ip",
  "conntrack",
  "nsenter",
  "unshare",
  "busybox",
  "openssl",
  "tar",
] as const;

/** Debian's folder for the plugins of the container network interface. */
export const cniPluginDir = "/usr/lib/cni";

type BuiltProgram = (typeof builtPrograms)[number];

/** The path of a program that test/peers/install.sh builds. */
export function built(name: BuiltProgram): string {
  const cache = process.env["ETCD_TS_CACHE"] ?? join(homedir(), ".cache/etcd-ts");
  return join(cache, "peers/bin", name);
}

/** Throws an error that names each program that is missing and the command that brings it. */
export function requirePrograms(): void {
  const missingBuilt = builtPrograms.filter((name) => !isExecutable(built(name)));
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const missingSystem = [
    ...systemPrograms.filter((name) => !folders.some((folder) => isExecutable(join(folder, name)))),
    ...["bridge", "host-local", "loopback"]
      .map((name) => join(cniPluginDir, name))
      .filter((path) => !isExecutable(path)),
  ];
  const commands = [
    ...(missingBuilt.length === 0 ? [] : [`sh test/peers/install.sh ${missingBuilt.join(" ")}`]),
    ...(missingSystem.length === 0 ? [] : ["sh test/peers/install.sh --system --e2e"]),
  ];
  if (commands.length > 0)
    throw new Error(
      `missing: ${[...missingBuilt, ...missingSystem].join(", ")}\nto bring them:\n  ${commands.join("\n  ")}`,
    );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
