/** When a member counts as lost: nothing will bring it back, or waiting for it any longer costs more than another member. */

import { templateOf } from "./built.ts";
import { startingText } from "./joining.ts";
import type { MemberView } from "./member-view.ts";
import { nodeOf, restartsOf } from "./pod-state.ts";
import { recoveryOf } from "./recovery-settings.ts";
import type { Look } from "./rule.ts";

/** Containers that ended this often without becoming ready are in a loop. */
const crashLoopRestarts = 5;

/** What another member would share is waited for this many graces, for a person; then it is tried all the same. */
const sharedGraceFactor = 12;

/** Provisioners whose volumes are on one node and lost with it. */
const localProvisioners: ReadonlySet<string> = new Set([
  "kubernetes.io/no-provisioner",
  "rancher.io/local-path",
  "k8s.io/minikube-hostpath",
  "docker.io/hostpath",
  "openebs.io/local",
  "local.csi.openebs.io",
  "topolvm.io",
]);

export type Loss =
  /** For good. */
  | { readonly kind: "lost"; readonly why: string }
  /** Down, but with time left, or with a reason that another member would share. */
  | { readonly kind: "waiting"; readonly why: string };

/** Undefined for a member that is as it should be, or on its way to be. */
export function lossOf(look: Look, seen: MemberView): Loss | undefined {
  const gone = volumeLossOf(seen) ?? nodeLossOf(look, seen);
  if (gone !== undefined) return { kind: "lost", why: gone };
  const down = downTimeOf(look, seen);
  if (down === undefined) return undefined;
  const { grace } = down;
  if (down.ms < grace * 1000) return { kind: "waiting", why: outlookOf(look, seen, down) };
  const shared = sharedReasonOf(look, seen);
  if (shared !== undefined && down.ms < sharedGraceFactor * grace * 1000)
    return { kind: "waiting", why: `${down.why}; ${shared}` };
  return { kind: "lost", why: `${down.why} for more than ${grace} s` };
}

/** Down for longer than its grace, and not because its process ends again and again, which a person can mend without loss. */
export function isLongAway(look: Look, seen: MemberView): boolean {
  const down = downTimeOf(look, seen);
  return down !== undefined && down.ms >= down.grace * 1000 && seen.podState.kind !== "running";
}

/** With an empty volume it would be another member under the same id, that has forgotten what it voted and wrote (operators.md 4.1). */
export function volumeLossOf({ member, volumeClaim }: MemberView): string | undefined {
  const had = member.status?.volumeClaimUID;
  if (had === undefined) return undefined;
  if (volumeClaim === undefined) return `its volume claim is gone (uid ${had})`;
  const { uid } = volumeClaim.metadata;
  return uid === had
    ? undefined
    : `its volume claim is another one (uid ${uid ?? ""}) than its own (uid ${had})`;
}

/** A machine that does not exist any more, or of which a person has said that it is off, takes a volume with it that is its own. */
export function nodeLossOf({ observed: { nodes } }: Look, seen: MemberView): string | undefined {
  const node = nodeOf(seen.pod);
  if (node === undefined || seen.serves || seen.isReady) return undefined;
  const view = nodes.get(node);
  if (view !== undefined && !view.isOutOfService) return undefined;
  const { annotations = {} } = seen.volumeClaim?.metadata ?? {};
  const provisioner =
    annotations["volume.kubernetes.io/storage-provisioner"] ??
    annotations["volume.beta.kubernetes.io/storage-provisioner"] ??
    "";
  return localProvisioners.has(provisioner)
    ? `node ${node}, which holds its volume, ${view === undefined ? "does not exist any more" : "is out of service"}`
    : undefined;
}

/** What comes of a member that is down: true for what it is, and no threat to one that is just starting. */
function outlookOf(look: Look, { standing }: MemberView, { grace, why }: Down): string {
  if (standing === "Learner") return `it is joining, and has no vote yet; ${startingText}`;
  if (look.members.length < 2) {
    return "it is waited for: there is no other member that has the data";
  }
  return `${why}; should that last for ${grace} s, another member takes its place`;
}

interface Down {
  readonly ms: number;
  /** In seconds. */
  readonly grace: number;
  readonly why: string;
}

/** How long it has been down by what stands in objects. A loop may look alive for a moment at each turn: there the Pod's own condition tells the time. */
function downTimeOf(look: Look, seen: MemberView): Down | undefined {
  if (seen.isReady) return undefined;
  const grace = recoveryOf(look.cluster.spec).memberGraceSeconds;
  const since = (time: string | undefined): number =>
    time === undefined ? -1 : look.nowMs - Date.parse(time);
  const { downSince } = seen.member.status ?? {};
  if (downSince !== undefined && !seen.serves) {
    return { ms: since(downSince), grace, why: "it neither serves nor is ready" };
  }
  const { restarts, notReadySince } = restartsOf(seen.pod);
  if (restarts >= crashLoopRestarts && notReadySince !== undefined) {
    return { ms: since(notReadySince), grace, why: "its container ends again and again" };
  }
  return undefined;
}

/**
 * What a new member would suffer from as well. A Pod of a template that no member serves with may be what a bad change has made of a good member: its
 * data is worth more than the attempt.
 */
function sharedReasonOf(look: Look, seen: MemberView): string | undefined {
  if (seen.podState.kind !== "running" && seen.podState.kind !== "pending") return undefined;
  if (isKilledForMemory(seen)) {
    return "it needs more memory than it may have, and so would another one: raise spec.pod.resources";
  }
  const template = templateOf(seen.pod);
  const isProven = look.servingVoters.some(
    (other) => other.name !== seen.name && templateOf(other.pod) === template,
  );
  if (isProven) return undefined;
  return "no other member serves with what was asked of its pod last, so another one would fare no better: look at its log, and set the spec right";
}

function isKilledForMemory({ pod }: MemberView): boolean {
  return restartsOf(pod).lastReason === "OOMKilled";
}
