/**
 * The one door to @kubernetes/client-node: where the API server is and who we are there, from $KUBECONFIG, ~/.kube/config or the pod's
 * service account. Only its KubeConfig is used: the library's typed calls drop fields that they do not know.
 */
import type { Agent } from "node:http";
import type { RequestOptions } from "node:https";

import { KubeConfig } from "@kubernetes/client-node";

import type { Access, AccessSource } from "./http-transport.ts";

export interface KubeConfigChoice {
  /** File to read; undefined looks where kubectl and pods look. */
  readonly file?: string | undefined;
  /** Context to use; undefined takes the file's current one. */
  readonly context?: string | undefined;
}

/** Throws when there is no cluster or no user to be found: guessing localhost:8080, as the library does, would hide a mistake. */
export function accessFromKubeConfig(choice: KubeConfigChoice = {}): AccessSource {
  const config = new KubeConfig();
  if (choice.file === undefined) config.loadFromDefault();
  else config.loadFromFile(choice.file);
  if (choice.context !== undefined) config.setCurrentContext(choice.context);
  return accessOf(config);
}

function accessOf(config: KubeConfig): AccessSource {
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (cluster === null || user === null || config.currentContext === "loaded-context") {
    throw new Error(
      "no Kubernetes cluster to talk to: run in a pod with a service account, or set KUBECONFIG",
    );
  }
  const server = new URL(cluster.server);
  return {
    async access() {
      const options: RequestOptions = {};
      // Reads files again, so that a rotated token or certificate is used: tokens at most a minute late.
      await config.applyToHTTPSOptions(options);
      return {
        server,
        headers: headersOf(options),
        tls: tlsOf(options),
        agent: cluster.proxyUrl === undefined ? undefined : (options.agent as Agent),
      };
    },
  };
}

function headersOf(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    // A token file that ends in a new line would make the header an illegal one.
    if (value !== undefined) headers[name.toLowerCase()] = String(value).trim();
  }
  return headers;
}

function tlsOf(options: RequestOptions): Access["tls"] {
  const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername, auth } = options;
  const given = { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername, auth };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
