/** Labels and annotations that the operator puts on what it makes. Its own are out of reach, because selectors rest on them. */
import type { TUnsafe } from "typebox";
import { group as apiGroup } from "../names.ts";
import { map, type Rule, text } from "../schema/fields.ts";

const isReserved = `k.startsWith('${apiGroup}/') || k.startsWith('app.kubernetes.io/')`;
const isKey =
  "k.matches('^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$')";
const isLabelValue = "self[k].matches('^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$')";

const reserved: Rule = {
  rule: `self.all(k, !(${isReserved}))`,
  message: `must not hold keys that begin with ${apiGroup}/ or app.kubernetes.io/, which the operator sets: remove them`,
  messageExpression: `"key " + self.filter(k, ${isReserved})[0] + " belongs to the operator: remove it"`,
};

const keys: Rule = {
  rule: `self.all(k, ${isKey})`,
  message:
    "must hold keys as Kubernetes has them: a name of up to 63 characters, if need be behind a prefix and a slash",
  messageExpression: `"\\"" + self.filter(k, !${isKey})[0] + "\\" is no key of Kubernetes: write a name of up to 63 characters, if need be behind a prefix and a slash"`,
};

const labelValues: Rule = {
  rule: `self.all(k, ${isLabelValue})`,
  message: "must hold values of up to 63 letters, digits, '-', '_' and '.'",
  messageExpression: `"the value of " + self.filter(k, !${isLabelValue})[0] + " is no label value of Kubernetes: write up to 63 letters, digits, '-', '_' and '.'"`,
};

const labelText = text("Value of the label.", { maxLength: 63 });

export const objectLabels = (description: string): TUnsafe<Record<string, string>> =>
  map(description, labelText, { maxProperties: 32, rules: [keys, reserved, labelValues] });

export const objectAnnotations = (description: string): TUnsafe<Record<string, string>> =>
  map(description, text("Value of the annotation.", { maxLength: 4096 }), {
    maxProperties: 32,
    rules: [keys, reserved],
  });

/** Labels of somebody else's objects, such as nodes: no key is reserved. */
export const foreignLabels = (description: string): TUnsafe<Record<string, string>> =>
  map(description, labelText, { maxProperties: 32, rules: [keys, labelValues] });
