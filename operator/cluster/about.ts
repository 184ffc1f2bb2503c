/**
 * Which part of the cluster a step is about. By it people, and the events' series, tell apart what is done to one member from the same done to another.
 * Pods and claims of a member count as the member.
 */
import { etcdMembers, memberLabel } from "../api/v1alpha1/names.ts";
import { type ObjectReference, referenceTo } from "../kernel/object-reference.ts";
import { apiVersionOf, type KubernetesObject } from "../kernel/resource.ts";
import { namespaceOf } from "../resources/urls.ts";
import { nameInPeerUrl } from "./initial-cluster.ts";
import type { ListedMember, Observed } from "./observed.ts";
import type { EtcdRequest, Step } from "./step.ts";

/** Undefined where it is about the cluster as a whole. */
export function aboutStep(observed: Observed, step: Step): ObjectReference | undefined {
  if (step.about !== undefined) return aboutMember(observed, step.about);
  switch (step.kind) {
    case "latch-cluster":
      return aboutNamed(observed, step.fields.seedMember);
    case "latch-member":
      return aboutMember(observed, step.memberName);
    case "create":
    case "apply":
    case "delete":
      return aboutObject(observed, step.object);
    case "etcd":
      return aboutNamed(observed, nameIn(observed, step.request, step.listedMembers));
    case "issue":
      return aboutSecret(observed, step.secretName);
  }
}

/** An EtcdMember, which need not be there any more, or not yet. */
export function aboutMember(observed: Observed, name: string): ObjectReference {
  const seen = observed.members.find(({ member }) => member.metadata.name === name);
  return {
    apiVersion: apiVersionOf(etcdMembers),
    kind: etcdMembers.kind,
    name,
    namespace: namespaceOf(observed.cluster),
    ...uidIn(seen?.member),
  };
}

function aboutNamed(observed: Observed, name: string | undefined): ObjectReference | undefined {
  return name === undefined ? undefined : aboutMember(observed, name);
}

function aboutObject(observed: Observed, object: KubernetesObject): ObjectReference {
  const { labels = {}, name } = object.metadata;
  const memberName = object.kind === etcdMembers.kind ? name : labels[memberLabel];
  return memberName === undefined ? referenceTo(object) : aboutMember(observed, memberName);
}

function aboutSecret(observed: Observed, name: string): ObjectReference {
  return {
    apiVersion: "v1",
    kind: "Secret",
    name,
    namespace: namespaceOf(observed.cluster),
    ...uidIn(observed.secrets.get(name)),
  };
}

function nameIn(
  observed: Observed,
  request: EtcdRequest,
  listed: readonly ListedMember[],
): string | undefined {
  switch (request.kind) {
    case "add-learner":
      return nameAt(observed, request.peerUrl);
    case "move-leader":
      return request.leaderName;
    case "defragment":
      return request.memberName;
    case "promote":
    case "remove":
    case "disarm":
      return nameOfId(observed, request.memberId, listed);
    case "compact":
      return undefined;
  }
}

/** By the list that the step rests on; one that is not in it any more by what its EtcdMember has latched. */
function nameOfId(
  observed: Observed,
  id: string,
  listed: readonly ListedMember[],
): string | undefined {
  const urls = listed.find((entry) => entry.id === id)?.peerUrls ?? [];
  const [name] = urls.flatMap((url) => nameAt(observed, url) ?? []);
  return (
    name ??
    observed.members.find(({ member }) => member.status?.memberID === id)?.member.metadata.name
  );
}

function nameAt({ members, cluster }: Observed, url: string): string | undefined {
  const seen = members.find(({ member }) => member.spec.peerURL === url);
  return seen?.member.metadata.name ?? nameInPeerUrl(cluster, url);
}

function uidIn(object: KubernetesObject | undefined): Pick<ObjectReference, "uid"> {
  const uid = object?.metadata.uid;
  return uid === undefined ? {} : { uid };
}
