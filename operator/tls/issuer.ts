/**
 * Carries out steps of kind "issue": makes keys and certificates, and writes one Secret with one request. It is created under a name that must be free, or
 * changed as it was seen; so of two operators, or two tries, one gets through, and keys that were made in vain are forgotten. The key of a CA never leaves the
 * Secret with the CA.
 */
import {
  certificatesChangedAnnotation,
  fieldManager,
  rotateAnnotation,
} from "../api/v1alpha1/names.ts";
import type { Observed } from "../cluster/observed.ts";
import type { Step } from "../cluster/step.ts";
import type { IssueOrder } from "../cluster/tls/issue-order.ts";
import { type WantedSecret, wantedOfClients, wantedOfMember } from "../cluster/tls/wanted.ts";
import { secrets } from "../controller/kinds.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import { assert } from "../kernel/assert.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import { caSecretNameOf } from "../resources/names.ts";
import { isControlledBy, uidOf } from "../resources/owners.ts";
import {
  buildClientTlsSecret,
  buildMemberTlsSecret,
  caKeys,
  clientTlsKeys,
  textsIn,
} from "../resources/tls-secrets.ts";
import { memberTlsKeys } from "../resources/tls-volume.ts";
import { caSecretAfter } from "./ca-secret.ts";
import { issuerIn, leafLifeOf, makeLeaf } from "./certificates.ts";
import { authoritiesIn } from "./secret-facts.ts";

type IssueStep = Extract<Step, { readonly kind: "issue" }>;
type LeavesOrder = Extract<IssueOrder, { readonly kind: "leaves" }>;

/** Rejects with ApiError. `client` has the guard of the leader's term. */
export async function carryOutIssue(
  client: Pick<ApiClient, "create" | "patch">,
  observed: Observed,
  { secretName, order }: IssueStep,
  nowMs: number,
): Promise<void> {
  const found = observed.secrets.get(secretName);
  const wanted =
    order.kind === "ca"
      ? await caSecretAfter(observed, order.change, nowMs)
      : await leavesSecretAfter(observed, secretName, order, nowMs);
  const annotations = {
    [certificatesChangedAnnotation]: new Date(nowMs).toISOString().replace(/\.\d+Z$/, "Z"),
    ...(order.kind === "leaves" && order.leaves === "new"
      ? { [rotateAnnotation]: order.rotation === "" ? undefined : order.rotation }
      : {}),
  };
  if (found === undefined) {
    await client.create(secrets, { ...wanted, metadata: { ...wanted.metadata, annotations } });
  } else {
    await change(client, found, { wanted, annotations });
  }
}

/** Other fields, labels and annotations are somebody's, and stay; keys of `data` that are not wanted any more go. */
async function change(
  client: Pick<ApiClient, "create" | "patch">,
  found: KubernetesObject,
  {
    wanted,
    annotations,
  }: {
    readonly wanted: KubernetesObject;
    readonly annotations: Readonly<Record<string, string | undefined>>;
  },
): Promise<void> {
  const { uid, resourceVersion, name } = found.metadata;
  const owner = wanted.metadata.ownerReferences?.[0]?.uid ?? "";
  assert(resourceVersion !== undefined, "only what was read can be changed", name);
  assert(isControlledBy(found, owner), "a Secret of somebody else is never written", name);
  const before = (found["data"] ?? {}) as Readonly<Record<string, unknown>>;
  const gone = Object.keys(before).map((key) => [key, null] as const);
  const body = {
    metadata: {
      uid,
      resourceVersion,
      annotations: Object.fromEntries(
        Object.entries(annotations).map(([key, value]) => [key, value ?? null]),
      ),
    },
    data: { ...Object.fromEntries(gone), ...(wanted["data"] as object) },
  };
  await client.patch(secrets, found.metadata, body, { type: "merge", fieldManager });
}

async function leavesSecretAfter(
  observed: Observed,
  secretName: string,
  order: LeavesOrder,
  nowMs: number,
): Promise<KubernetesObject> {
  const { wanted, build } = holderOf(observed, order.holder);
  assert(wanted.secretName === secretName, "a Secret that is not its holder's", secretName);
  const texts =
    order.leaves === "keep"
      ? keptTexts(observed, wanted)
      : await newTexts(observed, wanted, { issuer: order.issuer, nowMs });
  const ca = bundleText(observed, order.bundle);
  return build(new Map([...texts, [clientTlsKeys.ca, ca]]));
}

interface HolderParts {
  readonly wanted: WantedSecret;
  /** The Secret out of the texts under its keys. */
  readonly build: (texts: ReadonlyMap<string, string>) => KubernetesObject;
}

function holderOf({ cluster, members }: Observed, holder: LeavesOrder["holder"]): HolderParts {
  if (holder.kind === "member") {
    const { memberName } = holder;
    const member = members.find((seen) => seen.member.metadata.name === memberName)?.member;
    assert(member !== undefined, "a step about a member that was not seen", memberName);
    const build = (texts: ReadonlyMap<string, string>): KubernetesObject =>
      buildMemberTlsSecret(cluster, member, {
        serverCertificate: textIn(texts, memberTlsKeys.serverCertificate),
        serverKey: textIn(texts, memberTlsKeys.serverKey),
        peerCertificate: textIn(texts, memberTlsKeys.peerCertificate),
        peerKey: textIn(texts, memberTlsKeys.peerKey),
        ca: textIn(texts, memberTlsKeys.ca),
      });
    return { wanted: wantedOfMember(cluster, member), build };
  }
  const wanted = wantedOfClients(cluster).find(
    (each) => JSON.stringify(each.holder) === JSON.stringify(holder),
  );
  assert(wanted !== undefined, "a step about an application that is not in the spec");
  const build = (texts: ReadonlyMap<string, string>): KubernetesObject =>
    buildClientTlsSecret(cluster, wanted.secretName, {
      certificate: textIn(texts, clientTlsKeys.certificate),
      key: textIn(texts, clientTlsKeys.key),
      ca: textIn(texts, clientTlsKeys.ca),
    });
  return { wanted, build };
}

/** Those that are there, as they are; "" for what the plan knows to be of no use. */
function keptTexts(
  { secrets: seen }: Observed,
  { secretName, pairs }: WantedSecret,
): ReadonlyMap<string, string> {
  const found = seen.get(secretName);
  assert(found !== undefined, "only leaves that are there can be kept", secretName);
  const texts = textsIn(found);
  const keys = pairs.flatMap(({ certificateKey, keyKey }) => [certificateKey, keyKey]);
  return new Map(keys.map((key) => [key, texts.get(key) ?? ""]));
}

async function newTexts(
  { cluster, secrets: seen }: Observed,
  { pairs }: WantedSecret,
  { issuer: fingerprint, nowMs }: { readonly issuer: string; readonly nowMs: number },
): Promise<ReadonlyMap<string, string>> {
  const caSecret = seen.get(caSecretNameOf(cluster.metadata.name));
  assert(
    caSecret !== undefined && isControlledBy(caSecret, uidOf(cluster)),
    "leaves are issued by the cluster's own CA",
  );
  const texts = textsIn(caSecret);
  const issuer = issuerIn({
    certificate: textIn(texts, caKeys.certificate),
    key: textIn(texts, caKeys.key),
  });
  assert(
    issuer?.fingerprint === fingerprint,
    "the CA that is to issue is in its Secret",
    fingerprint,
  );
  const life = { keyType: cluster.spec.tls.leaf.keyType, nowMs, lifeMs: leafLifeOf(cluster) };
  const made = await Promise.all(
    pairs.map(async ({ certificateKey, keyKey, ...wanted }) => {
      const { certificate, key } = await makeLeaf(issuer, wanted, life);
      return [
        [certificateKey, certificate],
        [keyKey, key],
      ] as const;
    }),
  );
  return new Map(made.flat());
}

function bundleText({ secrets: seen }: Observed, bundle: readonly string[]): string {
  const authorities = authoritiesIn([...seen.values()].map(textsIn));
  return bundle
    .map((fingerprint) => {
      const authority = authorities.get(fingerprint);
      assert(authority !== undefined, "a CA of the bundle is in one of the Secrets", fingerprint);
      return authority.toString();
    })
    .join("");
}

function textIn(texts: ReadonlyMap<string, string>, key: string): string {
  return texts.get(key) ?? "";
}
