/** What became of a step. */
export type StepResult =
  | { readonly kind: "done" }
  /** The world is another one than the plan saw, or nobody knows whether it was done. Look again. */
  | { readonly kind: "outdated"; readonly why: string }
  /** A disruption budget does not let the Pod go now. */
  | { readonly kind: "held"; readonly why: string }
  /** It is not taken, and the same again will not be: a value that is refused, a quota, a policy. */
  | { readonly kind: "refused"; readonly why: string };
