/** How often, and for what, the operator asks the API server: counted by the server, in its audit log. */
import { createReadStream, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface ApiRequests {
  readonly reads: number;
  readonly writes: number;
  /** Watches begun: at rest they come back every few minutes, whatever the number of clusters. */
  readonly watches: number;
  /** Of the lease by which operators elect their leader. */
  readonly lease: number;
}

interface AuditEvent {
  readonly stage: string;
  readonly verb: string;
  readonly userAgent?: string;
  readonly requestReceivedTimestamp: string;
  readonly objectRef?: { readonly resource?: string; readonly name?: string };
}

/** Where the log is, and the API server's flags for it. */
export function auditIn(dir: string): { readonly log: string; readonly flags: readonly string[] } {
  const policy = join(dir, "audit-policy.yaml");
  const log = join(dir, "audit.log");
  const rules = {
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived"],
    rules: [{ level: "Metadata" }],
  };
  // JSON is YAML.
  writeFileSync(policy, JSON.stringify(rules));
  return { log, flags: [`--audit-policy-file=${policy}`, `--audit-log-path=${log}`] };
}

/** Of requests that arrived between two times, in milliseconds since 1970; `leaseName` is the lease of the election. */
export async function requestsIn(
  log: string,
  leaseName: string,
  [fromMs, toMs]: readonly [number, number],
): Promise<ApiRequests> {
  const counts = { reads: 0, writes: 0, watches: 0, lease: 0 };
  for await (const line of createInterface({ input: createReadStream(log) })) {
    if (!line.includes('"userAgent":"etcd-ts-operator/')) continue;
    const kind = kindOf(JSON.parse(line) as AuditEvent, leaseName, [fromMs, toMs]);
    if (kind !== undefined) counts[kind] += 1;
  }
  return counts;
}

/** A watch is told of twice: when it begins, and when it ends. */
function kindOf(
  { stage, verb, requestReceivedTimestamp, objectRef }: AuditEvent,
  leaseName: string,
  [fromMs, toMs]: readonly [number, number],
): keyof ApiRequests | undefined {
  const atMs = Date.parse(requestReceivedTimestamp);
  if (atMs < fromMs || atMs >= toMs) return undefined;
  if (verb === "watch") return stage === "ResponseStarted" ? "watches" : undefined;
  if (stage !== "ResponseComplete") return undefined;
  if (objectRef?.resource === "leases" && objectRef.name === leaseName) return "lease";
  return verb === "get" || verb === "list" ? "reads" : "writes";
}
