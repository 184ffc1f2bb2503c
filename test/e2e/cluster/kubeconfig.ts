/**
 * Kubeconfig files with the certificates inside, so that a copy of one file is enough.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { adminKubeconfig, apiServerUrl, clusterName, inState } from "./layout.ts";
import { pkiData } from "./pki.ts";

/** Path of a client's kubeconfig, named as its certificate. */
export function kubeconfigOf(client: string): string {
  return client === "admin" ? adminKubeconfig : inState("kubeconfig", client);
}

/** Writes the kubeconfig of a client whose certificate was made. */
export function writeKubeconfig(client: string): void {
  const path = kubeconfigOf(client);
  mkdirSync(dirname(path), { recursive: true });
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: clusterName,
        cluster: { server: apiServerUrl, "certificate-authority-data": pkiData("ca.crt") },
      },
    ],
    users: [
      {
        name: client,
        user: {
          "client-certificate-data": pkiData(`${client}.crt`),
          "client-key-data": pkiData(`${client}.key`),
        },
      },
    ],
    contexts: [{ name: clusterName, context: { cluster: clusterName, user: client } }],
    "current-context": clusterName,
  };
  // JSON is YAML.
  writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
}
