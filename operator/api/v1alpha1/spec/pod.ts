/** spec.pod: what you may say of the members' pods. A change rolls the members one by one. */
import { Type } from "typebox";
import {
  amount,
  choice,
  group,
  integer,
  list,
  map,
  objectName,
  raw,
  text,
} from "../schema/fields.ts";
import { notServed } from "../schema/served.ts";
import { foreignLabels, objectAnnotations, objectLabels } from "./metadata.ts";

const amounts = (description: string) =>
  Type.Optional(
    map(description, amount('An amount such as "500m" or "1Gi".'), { maxProperties: 16 }),
  );

const resources = group("Resources of the container etcd, as in Kubernetes.", {
  requests: amounts("What is set aside: cpu, memory, ephemeral-storage and others."),
  limits: amounts(
    "What may be used at most. The node sizes its heap by the limit of memory; a limit of cpu costs latency.",
  ),
});

const toleration = group("A taint that the pods tolerate, as in Kubernetes.", {
  key: Type.Optional(
    text("Key of the taint. Without it, and with operator Exists, all.", { maxLength: 317 }),
  ),
  operator: Type.Optional(
    choice(["Exists", "Equal"], "How key and value are compared. Default Equal."),
  ),
  value: Type.Optional(text("Value of the taint, for operator Equal.", { maxLength: 63 })),
  effect: Type.Optional(
    choice(
      ["NoSchedule", "PreferNoSchedule", "NoExecute"],
      "Effect of the taint. Without it, all effects.",
    ),
  ),
  tolerationSeconds: Type.Optional(
    integer(
      "With effect NoExecute: how long the pod stays, in seconds. Without it, for ever. Negative counts as 0.",
      { minimum: -1, maximum: 31_536_000, format: "int64" },
    ),
  ),
});

const spreadConstraint = group("How the pods spread, as in Kubernetes.", {
  maxSkew: integer("By how many pods domains may differ.", { minimum: 1, maximum: 7 }),
  topologyKey: text('Label of nodes that makes a domain, such as "topology.kubernetes.io/zone".', {
    maxLength: 317,
    minLength: 1,
  }),
  whenUnsatisfiable: choice(
    ["DoNotSchedule", "ScheduleAnyway"],
    "What happens to a pod that cannot be placed so.",
  ),
  minDomains: Type.Optional(
    integer("At least so many domains, with DoNotSchedule.", { minimum: 1, maximum: 100 }),
  ),
  nodeAffinityPolicy: Type.Optional(
    choice(["Honor", "Ignore"], "Whether nodes that the pod cannot run on count. Default Honor."),
  ),
  nodeTaintsPolicy: Type.Optional(
    choice(["Honor", "Ignore"], "Whether tainted nodes count. Default Ignore."),
  ),
});

export const pod = group(
  "The members' pods. A change rolls the members one by one.",
  {
    resources: Type.Optional(resources),
    affinityPreset: choice(
      ["Soft", "Hard", "None"],
      "Whether members keep off each other's nodes: if it goes (Soft), always (Hard, and a pod waits if there is no node), or not at all.",
      { default: "Soft" },
    ),
    topologySpreadConstraints: Type.Optional(
      list(
        "How the pods spread over zones and the like. The label selector is the operator's: the members of this cluster.",
        spreadConstraint,
        { maxItems: 4, keys: ["topologyKey", "whenUnsatisfiable"] },
      ),
    ),
    priorityClassName: Type.Optional(objectName("Priority class of the pods.")),
    nodeSelector: Type.Optional(foreignLabels("Labels that the pods' nodes must have.")),
    tolerations: Type.Optional(
      list("Taints that the pods tolerate.", toleration, { maxItems: 16 }),
    ),
    labels: Type.Optional(objectLabels("Further labels of the pods.")),
    annotations: Type.Optional(objectAnnotations("Further annotations of the pods.")),
    terminationGracePeriodSeconds: integer(
      "Time that a member has to hand over its leadership and to end, in seconds.",
      { minimum: 1, maximum: 3600, default: 60, format: "int64" },
    ),
    overrides: notServed(
      raw("Fields of a Pod that are applied over the operator's own, by server-side apply."),
    ),
  },
  { default: {} },
);
