/**
 * Programs that talk to the cluster, run from the machine's own network namespace: kubectl and Helm as the administrator,
 * and any other program inside the control plane's network, where the API server, pods and Services can be reached.
 */
import { adminKubeconfig, clusterName, inState } from "../cluster/layout.ts";
import { inNetwork } from "../cluster/network.ts";
import { built } from "./programs.ts";
import { attempt, type Command, type Outcome, type RunOptions, run } from "./run.ts";

/** The programs' caches stay in the state folder too. */
const env = {
  KUBECONFIG: adminKubeconfig,
  KUBECACHEDIR: inState("cache", "kubectl"),
  HELM_CACHE_HOME: inState("cache", "helm"),
  HELM_CONFIG_HOME: inState("cache", "helm-config"),
  HELM_DATA_HOME: inState("cache", "helm-data"),
};

/** The command, to be run inside the control plane's network namespace. */
export function inNamespace(command: Command): Command {
  return inNetwork(clusterName, command);
}

/** What kubectl printed. Throws when it fails. */
export function kubectl(args: readonly string[], options: RunOptions = {}): Promise<string> {
  return run(inNamespace([built("kubectl"), ...args]), withEnvironment(options));
}

/** How kubectl ended; a failure is a value. */
export function tryKubectl(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return attempt(inNamespace([built("kubectl"), ...args]), withEnvironment(options));
}

/** What Helm of that major version printed. Throws when it fails. */
export function helm(
  version: "3" | "4",
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  return run(inNamespace([built(`helm${version}`), ...args]), withEnvironment(options));
}

function withEnvironment(options: RunOptions): RunOptions {
  return { ...options, env: { ...env, ...options.env } };
}
