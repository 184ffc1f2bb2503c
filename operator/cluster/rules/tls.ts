/**
 * Rules for certificates. What members cannot run without comes before anything is made for them; renewals and a change of the CA come late, when all
 * that presses is done, so that a Secret which cannot be written holds up no healing.
 */
import type { Answer, Look, Rule } from "../rule.ts";
import { managedAnswer, type Scope } from "../tls/managed.ts";
import { providedAnswer } from "../tls/provided.ts";

/** Decides: a cluster that is to have TLS is not born without certificates. */
export const certificatesBeforeBirth: Rule = (look) =>
  look.latched.clusterID === undefined ? answerOf(look, "pressing") : undefined;

/** Notes: a Secret that is missing or of no use, the one with the CA among them. */
export const pressingCertificates: Rule = (look) =>
  look.latched.clusterID === undefined ? undefined : answerOf(look, "pressing");

/** Notes, late: everything else. */
export const dueCertificates: Rule = (look) =>
  look.latched.clusterID === undefined ? undefined : answerOf(look, "all");

function answerOf(look: Look, scope: Scope): Answer {
  switch (look.cluster.spec.tls.mode) {
    case "Disabled":
      return undefined;
    case "Managed":
      return managedAnswer(look, scope);
    case "Provided":
      // Both scopes would say the same.
      return scope === "pressing" ? providedAnswer(look) : undefined;
  }
}
