/** What the plan asks of operator/tls/issuer.ts: keys come from chance, so the plan can only say what is wanted. Each is one write of one Secret. */

/** Whose certificates a Secret holds. */
export type Holder =
  | { readonly kind: "member"; readonly memberName: string }
  | { readonly kind: "operator" }
  /** `application`: name of an item of spec.tls.clients. */
  | { readonly kind: "client"; readonly application: string };

/**
 * What is done to the Secret with the CA.
 *
 *   create     it is not there: a CA is made
 *   restore    it is not there, but certificates of `lostFingerprint` are: that CA's certificate is put back, without its key, and the next one is made
 *   add-next   the next CA is made beside the one that issues
 *   promote    the next one becomes the one that issues; the other one stays beside it, and its key is destroyed
 *   drop-old   the one that does not issue goes
 */
export type CaChange =
  | { readonly kind: "create" | "add-next" | "promote" | "drop-old" }
  | { readonly kind: "restore"; readonly lostFingerprint: string };

export type IssueOrder =
  | { readonly kind: "ca"; readonly change: CaChange }
  | {
      readonly kind: "leaves";
      readonly holder: Holder;
      /** "keep": only the bundle is written. */
      readonly leaves: "new" | "keep";
      /** Fingerprint of the CA that issues: its key is in the Secret with the CA. */
      readonly issuer: string;
      /** Fingerprints of ca.crt, in this order. Each is in one of the cluster's Secrets. */
      readonly bundle: readonly string[];
      /** To be noted on the Secret along with new leaves; "" for none. See SecretFacts. */
      readonly rotation: string;
    };
