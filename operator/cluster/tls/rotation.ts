/**
 * How a CA is followed by the next one without a moment in which two that have to talk cannot:
 *
 *   Stable ──due, or asked for──▸ AddNew ──every member lets in clients of the next CA──▸ Reissue ──every member shows new leaves──▸ DropOld ──▸ Stable
 *
 *   phase     who issues   in every ca.crt   what is written, one Secret at a time
 *   AddNew    the old CA   old and new       the next CA, then bundles
 *   Reissue   the new CA   old and new       leaves
 *   DropOld   the new CA   new               bundles, then the old CA goes
 *
 * Any two neighbours of these states understand each other, so Secrets may reach members and clients in any order and as late as they like; a phase ends only when
 * nobody can be behind it. Each may last for weeks. A member that joins gets what the phase says.
 */
import { whyNotHealthy } from "../calm.ts";
import type { Answer, Look } from "../rule.ts";
import {
  type Authority,
  changeCa,
  type KnownCa,
  latchCertificates,
  nowIssuing,
  rotationRequestOf,
} from "./authority.ts";
import type { LeafPolicy } from "./leaf-check.ts";
import { timeText } from "./leaf-end.ts";
import { whyNotShown, whyNotTrusted } from "./spread.ts";

const dayMs = 86_400_000;

/** What is to be done to the CA before any leaf is looked at in this phase. */
export function prepareCa(look: Look, authority: Authority): Answer {
  const { latched, other } = authority;
  if (latched.phase !== "AddNew") return undefined;
  if (other?.hasKey !== true || other.certificate.notAfterMs - look.nowMs < lateMs(look)) {
    return changeCa(
      look,
      { kind: "add-next" },
      {
        reason: "CreatedNextCA",
        message: "the CA is made that is to follow the present one",
      },
    );
  }
  const { fingerprint } = other.certificate;
  return latched.nextCAFingerprint === fingerprint
    ? undefined
    : latchCertificates(
        { ...latched, nextCAFingerprint: fingerprint },
        { reason: "RecordedNextCA", message: "the next CA is to be trusted by everybody" },
      );
}

/** What leaves and bundles are to be like in this phase. */
export function policyOf(look: Look, { latched, current, other }: Authority): LeafPolicy {
  const { fingerprint, notAfterMs } = current.certificate;
  const isChanging = latched.phase === "AddNew" || latched.phase === "Reissue";
  const second = isChanging ? other?.certificate.fingerprint : undefined;
  return {
    // One that has ended would make leaves that nobody accepts.
    issuer: current.hasKey && notAfterMs > look.nowMs ? { fingerprint, notAfterMs } : undefined,
    bundle: second === undefined ? [fingerprint] : [fingerprint, second],
    others: isChanging ? trustedIn(look) : undefined,
    rotation:
      latched.phase === "Stable" ? leavesRequestOf(look, latched.rotationRequest) : undefined,
    leaf: look.cluster.spec.tls.leaf,
    nowMs: look.nowMs,
  };
}

/** Every CA that stands in a bundle. */
function trustedIn({ observed }: Look): readonly string[] {
  return [...new Set([...observed.tls.secrets.values()].flatMap(({ bundle }) => bundle ?? []))];
}

/** Once all Secrets are as the phase wants them: on to the next one, when that is safe. Undefined where nothing is left to do. */
export function advance(look: Look, authority: Authority): Answer {
  switch (authority.latched.phase) {
    case "Stable":
      return begin(look, authority);
    case "AddNew":
      return useNext(look, authority);
    case "Reissue":
      return distrustOld(look, authority);
    case "DropOld":
      return finish(look, authority);
  }
}

/** Whether a request of the annotation is for the CA; all others are for leaves. */
export function isForCa(request: string | undefined): boolean {
  return request?.startsWith("ca") === true;
}

function leavesRequestOf(look: Look, carriedOut: string | undefined): string | undefined {
  const request = rotationRequestOf(look);
  return request === carriedOut || isForCa(request) ? undefined : request;
}

/** A CA that ends within this time is followed by another one. */
function lateMs({ cluster }: Look): number {
  return cluster.spec.tls.ca.overlapDays * dayMs;
}

function begin(look: Look, { latched, current }: Authority): Answer {
  const request = rotationRequestOf(look);
  const isAsked = request !== latched.rotationRequest && isForCa(request);
  const isDue = current.certificate.notAfterMs - look.nowMs < lateMs(look);
  if (!isAsked && !isDue) return undefined;
  const isDead = current.certificate.notAfterMs < look.nowMs;
  return (
    (isDead ? undefined : whyNotHealthy(look)) ??
    latchCertificates(
      {
        ...withoutNext(latched),
        phase: "AddNew",
        ...(isAsked && request !== undefined ? { rotationRequest: request } : {}),
      },
      {
        reason: "ChangingCA",
        message: isAsked
          ? `another CA is asked for by the annotation ("${request ?? ""}")`
          : `the CA ends on ${timeText(current.certificate.notAfterMs)}, and is followed by another one`,
      },
    )
  );
}

/** With a CA that has ended nobody talks to anybody, nothing can be proved, and nothing be broken. */
function useNext(look: Look, { latched, current, other }: Authority): Answer {
  if (other === undefined) return undefined;
  const next = other.certificate;
  return (
    unlessDead(look, current, () => whyNotTrusted(look, next.fingerprint)) ??
    latchCertificates(
      {
        ...latched,
        phase: "Reissue",
        ...nowIssuing(other),
        nextCAFingerprint: current.certificate.fingerprint,
      },
      {
        reason: "IssuingWithNextCA",
        message: "every member trusts the next CA, and certificates are made anew by it",
      },
    )
  );
}

function distrustOld(look: Look, { latched, current, other }: Authority): Answer {
  return (
    unlessDead(look, other, () => whyNotShown(look, current.certificate.fingerprint)) ??
    latchCertificates(
      { ...latched, phase: "DropOld" },
      {
        reason: "DroppingOldCA",
        message:
          "every member shows certificates of the new CA, and the old one is trusted no more",
      },
    )
  );
}

function finish(look: Look, { latched, current, other }: Authority): Answer {
  if (other !== undefined) {
    return changeCa(
      look,
      { kind: "drop-old" },
      {
        reason: "DroppedOldCA",
        message: "the old CA is taken out of its Secret",
      },
    );
  }
  return latchCertificates(
    {
      ...withoutNext(latched),
      phase: "Stable",
      ...nowIssuing(current),
      rotatedAt: timeText(look.nowMs),
    },
    { reason: "ChangedCA", message: "the change of the CA is done" },
  );
}

function unlessDead({ nowMs }: Look, old: KnownCa | undefined, why: () => Answer): Answer {
  return old !== undefined && old.certificate.notAfterMs < nowMs ? undefined : why();
}

function withoutNext(latched: Authority["latched"]): Authority["latched"] {
  const kept = Object.entries(latched).filter(([field]) => field !== "nextCAFingerprint");
  return Object.fromEntries(kept) as Authority["latched"];
}
