/**
 * A cluster of mode Managed with real certificates and without an API server: Secrets in memory under the rules of the real one (names are taken once, changes need the
 * resourceVersion that was seen), steps of the real plan carried out by the real issuer.
 */
import { X509Certificate } from "node:crypto";
import type { EtcdClusterSpec, EtcdClusterStatus } from "../../../operator/api/v1alpha1/types.ts";
import type { Observed, TlsProof } from "../../../operator/cluster/observed.ts";
import { plan } from "../../../operator/cluster/plan.ts";
import type { Plan, Step } from "../../../operator/cluster/step.ts";
import type { ApiClient } from "../../../operator/kernel/api-client.ts";
import { ApiError } from "../../../operator/kernel/api-error.ts";
import type { KubernetesObject } from "../../../operator/kernel/resource.ts";
import { memberTlsSecretNameOf } from "../../../operator/resources/names.ts";
import { textsIn } from "../../../operator/resources/tls-secrets.ts";
import { carryOutIssue } from "../../../operator/tls/issuer.ts";
import { readTlsFacts } from "../../../operator/tls/secret-facts.ts";
import { clusterWith, context, now, type Sketch } from "../../unit/operator/cluster/lab.ts";
import { mergePatch } from "../fake-api-json.ts";
import { defaultSpec } from "../model/objects.ts";

export const tlsSpec: EtcdClusterSpec["tls"] = { ...defaultSpec.tls, mode: "Managed" };
export const startMs = Date.parse(now);
export const dayMs = 86_400_000;

export class TlsLab {
  tls: EtcdClusterSpec["tls"];
  members: Record<string, Sketch>;
  annotations: Record<string, string> = {};
  status: EtcdClusterStatus = {};
  secrets = new Map<string, KubernetesObject>();
  /** Undefined: every running member has what its Secret holds, and shows and trusts it. */
  proofs: ReadonlyMap<string, TlsProof> | undefined;
  nowMs = startMs;
  private version = 100;

  constructor(members: Record<string, Sketch>, tls: Partial<EtcdClusterSpec["tls"]> = {}) {
    this.members = members;
    this.tls = { ...tlsSpec, ...tls };
  }

  get certificates(): EtcdClusterStatus["certificates"] {
    return this.status.certificates;
  }

  observe(): Observed {
    const base = clusterWith(this.members, {
      spec: { tls: this.tls },
      status: this.status,
      annotations: this.annotations,
    });
    const secrets = new Map(this.secrets);
    const tls = readTlsFacts(secrets);
    const observed = { ...base, secrets, tls };
    return { ...observed, proofs: this.proofs ?? this.ideal(observed) };
  }

  /** What is to be done about certificates now. */
  plan(observed = this.observe()): Plan {
    const at = new Date(this.nowMs).toISOString().replace(/\.\d+Z$/, "Z");
    return plan(observed, { ...context, now: at });
  }

  /** Steps until there is none, each told in short. */
  async settle(limit = 60): Promise<string[]> {
    const told: string[] = [];
    for (let at = 0; at < limit; at += 1) {
      const planned = this.plan();
      told.push(shortOf(planned));
      if (planned.kind !== "step") return told;
      await this.carryOut(planned.step);
    }
    throw new Error(`no rest: ${told.join("; ")}`);
  }

  /** Rejects with ApiError, as the API server would, for a step that was decided on an older view. */
  async carryOut(step: Step, observed = this.observe()): Promise<void> {
    switch (step.kind) {
      case "latch-cluster":
        this.status = { ...this.status, ...withoutNulls(step.fields) };
        return;
      case "issue":
        return carryOutIssue(this.client, observed, step, this.nowMs);
      case "delete":
        this.secrets.delete(step.object.metadata.name);
        return;
      default:
        throw new Error(`not in this world: ${step.kind} ${step.reason}`);
    }
  }

  readonly client: Pick<ApiClient, "create" | "patch"> = {
    create: async (_type, object) => {
      const secret = object as KubernetesObject;
      const { name } = secret.metadata;
      if (this.secrets.has(name)) throw new ApiError({ kind: "AlreadyExists", message: name });
      return this.put(secret);
    },
    patch: async (_type, { name }, body) => {
      const found = this.secrets.get(name);
      if (found === undefined) throw new ApiError({ kind: "NotFound", message: name });
      const { uid, resourceVersion } = (body as KubernetesObject).metadata;
      if (uid !== found.metadata.uid || resourceVersion !== found.metadata.resourceVersion) {
        throw new ApiError({ kind: "Conflict", message: name });
      }
      return this.put(mergePatch(found, body) as KubernetesObject);
    },
  };

  private put(secret: KubernetesObject): KubernetesObject {
    this.version += 1;
    const { name, uid = `secret-${this.version}` } = secret.metadata;
    const stored: KubernetesObject = {
      // Through JSON, as over the wire.
      ...(JSON.parse(JSON.stringify(secret)) as KubernetesObject),
      metadata: { ...secret.metadata, uid, resourceVersion: String(this.version) },
    };
    this.secrets.set(name, stored);
    return stored;
  }

  private ideal({ members, tls }: Observed): ReadonlyMap<string, TlsProof> {
    return new Map(
      members.flatMap(({ member, pod }) => {
        const { name } = member.metadata;
        const facts = tls.secrets.get(memberTlsSecretNameOf(name));
        if (pod === undefined || facts === undefined) return [];
        const shown = (key: string): string => {
          const pair = facts.pairs.get(key);
          return pair?.kind === "pair" ? pair.certificate.fingerprint : "";
        };
        const proof = {
          serverFingerprint: shown("server.crt"),
          peerFingerprint: shown("peer.crt"),
          trusts: facts.bundle ?? [],
        };
        return [[name, proof] as const];
      }),
    );
  }
}

export function shortOf(planned: Plan): string {
  if (planned.kind === "done") return "done";
  if (planned.kind !== "step") return `${planned.kind} ${planned.reason}`;
  const { step } = planned;
  switch (step.kind) {
    case "issue": {
      const { order } = step;
      return order.kind === "ca" ? `ca ${order.change.kind}` : `${order.leaves} ${step.secretName}`;
    }
    case "latch-cluster":
      return `latch ${step.fields.certificates?.phase ?? Object.keys(step.fields).join()}`;
    default:
      return `${step.kind} ${step.reason}`;
  }
}

function withoutNulls(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

export const three = { a: {}, b: {}, c: {} };
export const born = async (...given: ConstructorParameters<typeof TlsLab>): Promise<TlsLab> => {
  const lab = new TlsLab(...given);
  await lab.settle();
  return lab;
};
export const textsOf = (lab: TlsLab, name: string): ReadonlyMap<string, string> =>
  textsIn(lab.secrets.get(name) as KubernetesObject);
export const certificateIn = (lab: TlsLab, name: string, key: string): X509Certificate =>
  new X509Certificate(textsOf(lab, name).get(key) ?? "");
export const rotate = (value: string): Record<string, string> => ({ "etcd-ts.dev/rotate": value });
/** Steps to the end, with the time that applications get. */
export async function settleAll(lab: TlsLab): Promise<string[]> {
  const told: string[] = [];
  for (let at = 0; at < 6; at += 1) {
    told.push(...(await lab.settle()));
    if (told.at(-1) !== "wait CertificatesSpreading") return told;
    lab.nowMs += 180_000;
  }
  throw new Error(told.join("; "));
}
export function edit(lab: TlsLab, name: string, data: Record<string, string | undefined>): void {
  const secret = lab.secrets.get(name) as KubernetesObject;
  const coded = Object.fromEntries(
    Object.entries({ ...(secret["data"] as Record<string, string>), ...data }).filter(
      ([, text]) => text !== undefined,
    ),
  );
  lab.secrets.set(name, { ...secret, data: coded });
}
