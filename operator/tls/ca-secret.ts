/** The Secret with the CA after each of the changes that the plan can ask for. */
import type { Observed } from "../cluster/observed.ts";
import type { CaChange } from "../cluster/tls/issue-order.ts";
import { assert } from "../kernel/assert.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import { caSecretNameOf } from "../resources/names.ts";
import { buildCaSecret, type CaFiles, caKeys, textsIn } from "../resources/tls-secrets.ts";
import { makeCa } from "./certificates.ts";
import { authoritiesIn } from "./secret-facts.ts";

export async function caSecretAfter(
  observed: Observed,
  change: CaChange,
  nowMs: number,
): Promise<KubernetesObject> {
  return buildCaSecret(observed.cluster, await filesAfter(observed, change, nowMs));
}

async function filesAfter(observed: Observed, change: CaChange, nowMs: number): Promise<CaFiles> {
  const { cluster } = observed;
  switch (change.kind) {
    case "create":
      return makeCa(cluster, nowMs);
    case "restore": {
      const lost = authoritiesIn([...observed.secrets.values()].map(textsIn)).get(
        change.lostFingerprint,
      );
      assert(lost !== undefined, "a CA whose certificate is in a bundle", change.lostFingerprint);
      // A Secret of its type has to have the key's entry, empty or not.
      return { certificate: lost.toString(), key: "", next: await makeCa(cluster, nowMs) };
    }
    case "add-next":
      return { ...presentIn(observed).current, next: await makeCa(cluster, nowMs) };
    case "promote": {
      const { current, next } = presentIn(observed);
      assert(next?.key !== undefined, "a CA that can issue is promoted");
      return {
        certificate: next.certificate,
        key: next.key,
        next: { certificate: current.certificate },
      };
    }
    case "drop-old":
      return presentIn(observed).current;
  }
}

function presentIn({ cluster, secrets }: Observed): {
  readonly current: { readonly certificate: string; readonly key: string };
  readonly next: CaFiles["next"];
} {
  const name = caSecretNameOf(cluster.metadata.name);
  const found = secrets.get(name);
  assert(found !== undefined, "the Secret with the CA was seen", name);
  const texts = textsIn(found);
  const certificate = texts.get(caKeys.certificate);
  assert(certificate !== undefined, "it holds a CA", name);
  const next = texts.get(caKeys.nextCertificate);
  const nextKey = texts.get(caKeys.nextKey);
  return {
    current: { certificate, key: texts.get(caKeys.key) ?? "" },
    next:
      next === undefined
        ? undefined
        : { certificate: next, ...(nextKey === undefined ? {} : { key: nextKey }) },
  };
}
