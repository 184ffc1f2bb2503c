/** spec.storage: the volume of each member. */
import { Type } from "typebox";
import { choice, group, objectName, quantity } from "../schema/fields.ts";
import { notServed } from "../schema/served.ts";

const size = quantity(
  "Size of each member's volume. It never shrinks. Made larger, the claims that are there grow one after the other, where their storage class has allowVolumeExpansion; otherwise members that are made from then on have it.",
  {
    default: "8Gi",
    rules: [
      {
        rule: "!isQuantity(self) || quantity(self).compareTo(quantity('256Mi')) >= 0",
        message: "must be at least 256Mi: the log alone holds two segments of 64 MiB",
      },
      {
        rule: "!isQuantity(self) || !isQuantity(oldSelf) || quantity(self).compareTo(quantity(oldSelf)) >= 0",
        message: "must not shrink, because volumes cannot: set it back",
        messageExpression: '"must not shrink, because volumes cannot: set at least " + oldSelf',
      },
    ],
  },
);

const reclaim = group(
  "What becomes of a member's volume claim.",
  {
    onScaleDown: choice(
      ["Delete", "Retain"],
      "When the member was removed from the cluster, because there are to be fewer or because it was replaced. Retain keeps the claim for people; no member uses it again. The claim of a member with damaged data is always kept.",
      { default: "Delete" },
    ),
    onClusterDelete: choice(
      ["Delete", "Retain"],
      "When the EtcdCluster is deleted. Retain keeps the claims, and with them the data; a new cluster of the same name does not use them.",
      { default: "Retain" },
    ),
  },
  { default: {} },
);

export const storage = group(
  "The volume of each member: log, snapshots and database.",
  {
    size,
    storageClassName: Type.Optional(
      objectName("Storage class of the volumes. Default: that of Kubernetes. Immutable."),
    ),
    reclaim,
    medium: notServed(
      choice(
        ["Disk", "Memory"],
        "Where the data lies. Memory loses a member's data with its pod; for tests and caches.",
        { default: "Disk" },
      ),
    ),
    resizePolicy: notServed(
      choice(
        ["InPlace", "Replace"],
        "How a larger size comes to be: by growing the claim, or by replacing one member after the other.",
        { default: "InPlace" },
      ),
    ),
  },
  {
    default: {},
    rules: [
      {
        rule: "has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",
        fieldPath: ".storageClassName",
        message:
          "storageClassName cannot change: volumes do not move. Set it back, or create a new EtcdCluster",
      },
      {
        rule: "self.medium == oldSelf.medium",
        needs: "medium",
        fieldPath: ".medium",
        message: "medium cannot change: set it back, or create a new EtcdCluster",
      },
    ],
  },
);
