/** Conditions as Kubernetes has them (metav1.Condition). */
import { Type } from "typebox";
import { choice, group, integer, list, text } from "./schema/fields.ts";

const condition = group("One thing that is true, false or unknown of the object.", {
  type: text("What it is about, such as Ready.", {
    maxLength: 316,
    minLength: 1,
    pattern: String.raw`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$`,
  }),
  status: choice(["True", "False", "Unknown"], "Whether it is so."),
  reason: text("Why, in one word for programs.", {
    maxLength: 1024,
    minLength: 1,
    pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
  }),
  message: text("Why, and what to do, for people.", { maxLength: 32_768 }),
  lastTransitionTime: text("When status changed last, RFC 3339.", {
    maxLength: 64,
    format: "date-time",
  }),
  observedGeneration: Type.Optional(
    integer("metadata.generation that it was found for.", { minimum: 0, format: "int64" }),
  ),
});

export const conditions = list(
  "What is known of the object, by type. Wait for Ready: kubectl wait --for=condition=Ready.",
  condition,
  { maxItems: 32, keys: ["type"] },
);
