/** Secrets that the operator makes with mode Managed, and where it finds those of every mode. */
import { memberLabel } from "../api/v1alpha1/names.ts";
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import type { KubernetesObject, OwnerReference } from "../kernel/resource.ts";
import { clusterLabelsOf } from "./labels.ts";
import { caSecretNameOf, memberTlsSecretNameOf, operatorTlsSecretNameOf } from "./names.ts";
import { ownedByCluster, ownedByMember } from "./owners.ts";
import { memberTlsKeys } from "./tls-volume.ts";
import { namespaceOf } from "./urls.ts";

/** PEM texts. */
export interface CaFiles {
  readonly certificate: string;
  readonly key: string;
  /** While the CA changes: the one that comes, and after it issues, the one that goes (which needs no key then). */
  readonly next?: { readonly certificate: string; readonly key?: string };
}

/** PEM texts; `ca`: all CAs that are trusted, one after the other. */
export type MemberTlsFiles = Readonly<Record<keyof typeof memberTlsKeys, string>>;

/** PEM texts. */
export interface ClientTlsFiles {
  readonly certificate: string;
  readonly key: string;
  readonly ca: string;
}

/** Keys of the Secret with the CA. */
export const caKeys = {
  certificate: "tls.crt",
  key: "tls.key",
  nextCertificate: "next.crt",
  nextKey: "next.key",
} as const;

/** Keys of the Secrets of the operator and of applications; those of the user and of cert-manager have the same. */
export const clientTlsKeys = { certificate: "tls.crt", key: "tls.key", ca: "ca.crt" } as const;

/** The Secret with which the operator is a client. Undefined without TLS. */
export function operatorSecretNameOf(cluster: EtcdCluster): string | undefined {
  const { mode, provided } = cluster.spec.tls;
  switch (mode) {
    case "Disabled":
      return undefined;
    case "Managed":
      return operatorTlsSecretNameOf(cluster.metadata.name);
    case "Provided":
      return provided?.operatorSecretRef.name;
  }
}

/** It goes with the cluster; a member never sees it. */
export function buildCaSecret(cluster: EtcdCluster, files: CaFiles): KubernetesObject {
  const { next } = files;
  return buildSecret(cluster, {
    name: caSecretNameOf(cluster.metadata.name),
    owner: ownedByCluster(cluster),
    type: "kubernetes.io/tls",
    files: {
      [caKeys.certificate]: files.certificate,
      [caKeys.key]: files.key,
      [caKeys.nextCertificate]: next?.certificate,
      [caKeys.nextKey]: next?.key,
    },
  });
}

/** It goes with the member: names of members are never used again, nor are their certificates. */
export function buildMemberTlsSecret(
  cluster: EtcdCluster,
  member: EtcdMember,
  files: MemberTlsFiles,
): KubernetesObject {
  const memberName = member.metadata.name;
  return buildSecret(cluster, {
    name: memberTlsSecretNameOf(memberName),
    owner: ownedByMember(member),
    type: "Opaque",
    labels: { [memberLabel]: memberName },
    files: Object.fromEntries(
      Object.entries(memberTlsKeys).map(([file, key]) => [
        key,
        files[file as keyof typeof memberTlsKeys],
      ]),
    ),
  });
}

/** Of the operator, or of an application: `name` by operatorTlsSecretNameOf or clientTlsSecretNameOf. */
export function buildClientTlsSecret(
  cluster: EtcdCluster,
  name: string,
  files: ClientTlsFiles,
): KubernetesObject {
  return buildSecret(cluster, {
    name,
    owner: ownedByCluster(cluster),
    type: "kubernetes.io/tls",
    files: {
      [clientTlsKeys.certificate]: files.certificate,
      [clientTlsKeys.key]: files.key,
      [clientTlsKeys.ca]: files.ca,
    },
  });
}

interface SecretParts {
  readonly name: string;
  readonly owner: OwnerReference;
  readonly type: "Opaque" | "kubernetes.io/tls";
  readonly labels?: Readonly<Record<string, string>>;
  /** Key ▸ text; a key without a text is left out. */
  readonly files: Readonly<Record<string, string | undefined>>;
}

function buildSecret(cluster: EtcdCluster, parts: SecretParts): KubernetesObject {
  const data = Object.entries(parts.files).flatMap(([key, text]) =>
    text === undefined ? [] : [[key, btoa(text)] as const],
  );
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: parts.name,
      namespace: namespaceOf(cluster),
      labels: { ...clusterLabelsOf(cluster.metadata.name), ...parts.labels },
      ownerReferences: [parts.owner],
    },
    type: parts.type,
    data: Object.fromEntries(data),
  };
}

/** The texts in a Secret that was read, by key. What is no base64 counts as missing: somebody wrote it, and it is made anew. */
export function textsIn(secret: KubernetesObject): ReadonlyMap<string, string> {
  const data = (secret["data"] ?? {}) as Readonly<Record<string, unknown>>;
  const texts = new Map<string, string>();
  for (const [key, value] of Object.entries(data)) {
    const text = typeof value === "string" ? decoded(value) : undefined;
    if (text !== undefined) texts.set(key, text);
  }
  return texts;
}

function decoded(base64: string): string | undefined {
  try {
    return atob(base64);
  } catch {
    return undefined;
  }
}
