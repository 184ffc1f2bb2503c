/**
 * The rule for claims that are smaller than spec.storage.size asks for: one after the other, followers by name, the leader last, each when the one before
 * has its new size and all are well. One that is down goes first, since room may be what it lacks. Volumes of members that are made from now on
 * are as large as wanted anyway.
 *
 * The last of the rules for changes: what is refused here, by a quota or for want of rights, holds up nothing else.
 */
import { grownVolumeClaim, requestedSizeOf, storageClassOf } from "../../resources/volume-claim.ts";
import { whyNotCalm } from "../calm.ts";
import type { MemberView } from "../member-view.ts";
import type { StorageClassView } from "../observed.ts";
import { type Answer, type Look, type Rule, step, stuck, wait } from "../rule.ts";
import { type Growth, growthOf } from "../volume-growth.ts";
import { isDown } from "./down.ts";
import { isToLive } from "./pod.ts";

interface Growing {
  readonly seen: MemberView;
  readonly claim: NonNullable<MemberView["volumeClaim"]>;
  readonly growth: Growth;
}

export const growVolumes: Rule = (look) => {
  if (look.target === 0) return undefined;
  const growing = look.members.flatMap((seen): readonly Growing[] => {
    const claim = seen.volumeClaim;
    const growth = isToLive(seen) ? growthOf(look.cluster, claim) : undefined;
    return claim === undefined || growth === undefined ? [] : [{ seen, claim, growth }];
  });
  return failed(growing) ?? nextToGrow(look, growing) ?? underWay(growing);
};

function failed(growing: readonly Growing[]): Answer {
  for (const { claim, growth } of growing) {
    if (growth.kind !== "failed") continue;
    return stuck(
      "VolumeResizeFailed",
      `volume claim ${claim.metadata.name} cannot be grown to ${requestedSizeOf(claim) ?? ""}: ${growth.why}; see its events. The other claims stay as they are until it has grown, or its member is replaced (kubectl delete etcdmember), which gets a new volume`,
    );
  }
  return undefined;
}

/** Undefined while one is growing: the others wait for how that goes, unless they are down. */
function nextToGrow(look: Look, growing: readonly Growing[]): Answer {
  const small = growing.filter(({ growth }) => growth.kind === "small");
  if (small.length === 0) return undefined;
  const able = small.filter(({ claim }) => whyNotExpandable(look, claim) === undefined);
  const down = able.find(({ seen }) => isDown(look, seen));
  if (down !== undefined) return grown(look, down);
  const [first] = small;
  const [next] = able.sort((left, right) => Number(leads(look, left)) - Number(leads(look, right)));
  if (next === undefined) return first === undefined ? undefined : notExpandable(look, small);
  if (growing.length > small.length) return undefined;
  return whyNotCalm(look) ?? grown(look, next);
}

function leads({ leader }: Look, { seen }: Growing): boolean {
  return seen.name === leader?.name;
}

function grown({ cluster }: Look, { seen, claim }: Growing): Answer {
  return step({
    kind: "apply",
    object: grownVolumeClaim(cluster, claim),
    reason: "GrowingVolume",
    message: `volume claim ${claim.metadata.name} of member ${seen.name} is grown from ${requestedSizeOf(claim) ?? "its size"} to ${cluster.spec.storage.size}`,
  });
}

/** Undefined where it may be tried. A class that the operator may not see is left to the API server, which looks for itself. */
function whyNotExpandable(look: Look, claim: Growing["claim"]): string | undefined {
  const name = storageClassOf(claim);
  if (name === undefined) return "they have no StorageClass that could grow them";
  const view: StorageClassView | undefined = look.observed.storageClasses.get(name);
  if (view === undefined) return `their StorageClass ${name} does not exist any more`;
  return view.mayExpand
    ? undefined
    : `their StorageClass ${name} does not allow it: set allowVolumeExpansion there if its driver can grow volumes`;
}

function notExpandable(look: Look, small: readonly Growing[]): Answer {
  const names = small.map(({ claim }) => claim.metadata.name);
  const [why = ""] = small.flatMap(({ claim }) => whyNotExpandable(look, claim) ?? []);
  return stuck(
    "VolumeNotExpandable",
    `spec.storage.size is ${look.cluster.spec.storage.size}, and volume claims ${names.join(", ")} are smaller; ${why}. Or replace one member after the other (kubectl delete etcdmember): a new one gets a volume of that size`,
  );
}

function underWay(growing: readonly Growing[]): Answer {
  const busy = growing.find(({ growth }) => growth.kind !== "small");
  if (busy === undefined) return undefined;
  const claim = `volume claim ${busy.claim.metadata.name} of member ${busy.seen.name}`;
  const size = requestedSizeOf(busy.claim) ?? "";
  return wait(
    "VolumeResizing",
    busy.growth.kind === "file-system"
      ? `${claim} has grown to ${size}, and its file system follows; a driver that does that only at a start of the pod gets one`
      : `${claim} is being grown to ${size} by its storage driver`,
  );
}
