/**
 * A node's container runtime: containerd with runc, and the plugins that give pods their network.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cniPluginDir } from "../support/programs.ts";
import { attempt } from "../support/run.ts";
import { pauseImage } from "./images.ts";
import type { NodeLayout } from "./layout.ts";
import { onNode } from "./machine.ts";
import { ready, start } from "./processes.ts";

/** Where the node's containerd listens, seen from the node. */
export const runtimeSocket = "/run/containerd/containerd.sock";

export const runtimeProcess = (node: string): string => `${node}-containerd`;

/** Starts the node's containerd, and waits until it answers. */
export async function runtimeUp(node: NodeLayout): Promise<void> {
  const configFile = join(node.dir, "containerd.toml");
  const networkDir = join(node.dir, "cni");
  mkdirSync(networkDir, { recursive: true });
  writeFileSync(join(networkDir, "10-pods.conflist"), JSON.stringify(podNetwork(node), null, 2));
  const name = runtimeProcess(node.name);
  await start({
    name,
    configuration: { path: configFile, text: configuration(networkDir) },
    command: onNode(node, ["containerd", "--config", configFile]),
  });
  await ready(name, async () => {
    const { code, stderr } = await attempt(onNode(node, ["ctr", "version"]), { timeoutMs: 5000 });
    return code === 0 ? undefined : stderr;
  });
}

function configuration(networkDir: string): string {
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
  address = "${runtimeSocket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # A machine without CAP_SYS_RESOURCE may not protect a process from the kernel's killer more than containerd itself is.
  restrict_oom_score_adj = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${cniPluginDir}"
    conf_dir = "${networkDir}"

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
`;
}

/** Each pod has an address of the node's range and is plugged into the node's bridge. No masquerading: nothing leads out. */
function podNetwork(node: NodeLayout): object {
  return {
    cniVersion: "1.0.0",
    name: "pods",
    plugins: [
      {
        type: "bridge",
        bridge: "pods",
        isGateway: true,
        hairpinMode: true,
        ipam: {
          type: "host-local",
          // A machine that starts anew has no pod left that an address could belong to.
          dataDir: "/run/cni-addresses",
          ranges: [[{ subnet: node.podRange }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      },
    ],
  };
}
