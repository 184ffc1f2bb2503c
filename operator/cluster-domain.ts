/** The DNS domain of the Kubernetes cluster, from the search list that the kubelet writes into every pod's /etc/resolv.conf. */
import { readFileSync } from "node:fs";

const fallback = "cluster.local";

/** What stands behind "svc." in the last search list; cluster.local where there is none. */
export function clusterDomainIn(resolvConf: string): string {
  const lists = resolvConf
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([keyword]) => keyword === "search");
  const domains = (lists.at(-1) ?? []).slice(1).map((domain) => domain.replace(/\.$/, ""));
  const services = domains.find((domain) => domain.startsWith("svc."));
  return services === undefined ? fallback : services.slice("svc.".length);
}

export function readClusterDomain(file = "/etc/resolv.conf"): string {
  try {
    return clusterDomainIn(readFileSync(file, "utf8"));
  } catch {
    // Outside of a pod there may be none.
    return fallback;
  }
}
