/**
 * One short text for all that a user asked of a member's Pod: when it differs from the one on the Pod, the Pod is replaced. The operator's own
 * layout is not in it, so that an operator upgrade restarts nothing.
 *
 * A field that is added to the API later must be left out of `asked` while it has its default, and none may be renamed: either would change the
 * hash of every Pod there is. A test holds one hash fast.
 */
import type { EtcdClusterSpec } from "../api/v1alpha1/types.ts";

/** Hash of what the user asked of the Pod of a member that runs `memberImage`. 16 hex digits. */
export function templateHashOf(spec: EtcdClusterSpec, memberImage: string): string {
  return hashOf({
    image: memberImage,
    pullPolicy: spec.image?.pullPolicy,
    pullSecrets: spec.image?.pullSecrets,
    etcd: { ...spec.etcd, metrics: spec.etcd.metrics === "Basic" ? undefined : spec.etcd.metrics },
    pod: spec.pod,
    tls: tlsOf(spec.tls),
  });
}

/** What of spec.tls stands in the Pod. Certificates that are made anew do not: members follow the files. */
function tlsOf({ mode, client, peer, provided }: EtcdClusterSpec["tls"]): unknown {
  if (mode === "Disabled") return undefined;
  return {
    mode,
    isClientCertOptional: client.requireClientCert ? undefined : true,
    allowedCommonName: peer?.allowedCommonName,
    server: provided?.serverSecretRef.name,
    peer: provided?.peerSecretRef.name,
  };
}

/** FNV-1a, 64 bits, over the canonical JSON of a value. Tells accidents apart, not attacks: who can write the objects needs no collision. */
export function hashOf(value: unknown): string {
  const text = canonicalJson(value);
  // The two halves of 0xcbf29ce484222325; a bigint would take ten times as long.
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  const mix = (byte: number): void => {
    // Times the prime 2^40 + 0x1b3, modulo 2^64.
    const product = ((low ^ byte) >>> 0) * 0x1b3;
    const carried = Math.floor(product / 2 ** 32);
    high = (Math.imul(high, 0x1b3) + carried + ((low ^ byte) << 8)) >>> 0;
    low = product >>> 0;
  };
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    mix(unit & 0xff);
    mix(unit >> 8);
  }
  return [high, low].map((half) => half.toString(16).padStart(8, "0")).join("");
}

/** JSON with sorted keys. Fields that are undefined, and objects and lists with nothing in them, count as absent. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(canonical(value) ?? null);
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.length === 0 ? undefined : value.map((item) => canonical(item) ?? null);
  }
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value)
    .map(([key, field]): readonly [string, unknown] => [key, canonical(field)])
    .filter(([, field]) => field !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1));
  return fields.length === 0 ? undefined : Object.fromEntries(fields);
}
