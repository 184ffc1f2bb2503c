/**
 * What is built from a cluster's spec, once for each spec: a look is planned every few seconds, and hashing costs more than the rest of it. Keyed by the
 * identity of objects that nobody changes in place, so the results are those of pure functions.
 */
import { templateHashAnnotation } from "../api/v1alpha1/names.ts";
import type { EtcdCluster, EtcdClusterSpec, EtcdMember } from "../api/v1alpha1/types.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import { imageOf } from "../resources/image.ts";
import { templateHashOf } from "../resources/template-hash.ts";

type Build = (cluster: EtcdCluster) => KubernetesObject;

interface Built {
  readonly owner: string;
  readonly built: KubernetesObject;
}

const hashes = new WeakMap<EtcdClusterSpec, Map<string, string>>();
const objects = new WeakMap<EtcdClusterSpec, Map<Build, Built>>();
const comparisons = new WeakMap<KubernetesObject, WeakMap<KubernetesObject, boolean>>();

/** templateHashOf, remembered. */
function templateHashFor(spec: EtcdClusterSpec, image: string): string {
  const known = childOf(hashes, spec, () => new Map<string, string>());
  const before = known.get(image);
  if (before !== undefined) return before;
  const hash = templateHashOf(spec, image);
  known.set(image, hash);
  return hash;
}

/** `build(cluster)`, remembered: it must depend on nothing but the spec, the name, the namespace and the uid. */
export function builtFor(cluster: EtcdCluster, build: Build): KubernetesObject {
  const { namespace = "", name, uid = "" } = cluster.metadata;
  const owner = `${namespace}/${name}/${uid}`;
  const known = childOf(objects, cluster.spec, () => new Map<Build, Built>());
  const before = known.get(build);
  if (before?.owner === owner) return before.built;
  const built = build(cluster);
  known.set(build, { owner, built });
  return built;
}

/** `isAsBuilt(found, built)`, remembered. */
export function isKnownAsBuilt(
  found: KubernetesObject,
  built: KubernetesObject,
  isAsBuilt: (found: KubernetesObject, built: KubernetesObject) => boolean,
): boolean {
  const known = childOf(comparisons, found, () => new WeakMap<KubernetesObject, boolean>());
  const before = known.get(built);
  if (before !== undefined) return before;
  const answer = isAsBuilt(found, built);
  known.set(built, answer);
  return answer;
}

/** The image that the member is to run: what spec.image leaves open stays as the member has it. */
export function wantedImageOf(cluster: EtcdCluster, member: EtcdMember): string {
  return imageOf(cluster.spec.image, member.spec.image);
}

/** Whether the Pod is another one than would be made for the member now. */
export function isOutdated(
  cluster: EtcdCluster,
  member: EtcdMember,
  pod: KubernetesObject,
): boolean {
  const wanted = templateHashFor(cluster.spec, wantedImageOf(cluster, member));
  return templateOf(pod) !== wanted;
}

export function templateOf(pod: KubernetesObject | undefined): string | undefined {
  return pod?.metadata.annotations?.[templateHashAnnotation];
}

function childOf<Key extends object, Value>(
  map: WeakMap<Key, Value>,
  key: Key,
  make: () => Value,
): Value {
  const before = map.get(key);
  if (before !== undefined) return before;
  const made = make();
  map.set(key, made);
  return made;
}
