/**
 * The cgroup below which each node's kubelet keeps its pods, so that the kubelets of one kernel do not see each other's
 * and everything can be removed at the end. Of cgroup v1, the one that the test machine has mounted.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { until } from "../support/wait.ts";
import { clusterName, type NodeLayout } from "./layout.ts";

/** Makes the node's cgroup in every controller. */
export function makeCgroups(node: NodeLayout): void {
  for (const controller of controllers()) {
    const dir = join(controller, node.cgroup);
    mkdirSync(dir, { recursive: true });
    if (!existsSync(join(dir, "cpuset.cpus"))) continue;
    // A new cpuset is empty and takes no process until it has been given what its parent has.
    for (const file of ["cpuset.cpus", "cpuset.mems"])
      for (const made of [join(controller, clusterName), dir])
        writeFileSync(join(made, file), readFileSync(join(controller, file), "utf8"));
  }
}

/**
 * Removes a node's cgroups, or all of the cluster's. The processes in them must have ended; the kernel forgets them a
 * little later.
 */
export async function removeCgroups(cgroup = `/${clusterName}`): Promise<void> {
  // Beside the controllers of v1, the kubelet makes its cgroups in the tree of v2 that may stand there without any.
  for (const mount of [...controllers(), ...mountsOf("cgroup2")]) {
    const dir = join(mount, cgroup);
    await until(`the removal of ${dir}`, async () => removeTree(dir), { timeoutMs: 20_000 });
  }
}

/** Where the controllers of v1 are mounted, including the one without a resource that systemd uses for naming. */
function controllers(): readonly string[] {
  const mounts = mountsOf("cgroup");
  if (mounts.length === 0)
    throw new Error(
      "no cgroup v1 controller is mounted below /sys/fs/cgroup: these nodes know cgroup v1 only",
    );
  return mounts;
}

function mountsOf(type: "cgroup" | "cgroup2"): readonly string[] {
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .filter((fields) => fields[2] === type && fields[1]!.startsWith("/sys/fs/cgroup/"));
  return [...new Set(mounts.map((fields) => fields[1]!))];
}

/** What is in the way, or undefined. */
function removeTree(dir: string): string | undefined {
  if (!existsSync(dir)) return undefined;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const problem = removeTree(join(dir, entry.name));
    if (problem !== undefined) return problem;
  }
  try {
    rmdirSync(dir);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
