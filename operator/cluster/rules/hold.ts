/** Rules for when nothing at all is to be done. */
import { isReservedFlag } from "../../resources/flags.ts";
import { type Rule, stuck, wait } from "../rule.ts";

/** Garbage collection takes everything that the cluster owns, also without an operator, and what is to stay has no owner. */
export const beingDeleted: Rule = ({ cluster }) =>
  cluster.metadata.deletionTimestamp === undefined ? undefined : { kind: "done" };

export const paused: Rule = ({ cluster }) =>
  cluster.spec.paused
    ? wait("Paused", "spec.paused is set: the operator looks, but changes nothing")
    : undefined;

/** Never taken over, never deleted: it may be somebody's data. */
export const foreignObject: Rule = ({ observed: { foreign } }) =>
  foreign.length === 0
    ? undefined
    : stuck(
        "ForeignObject",
        `objects of somebody else have names that this cluster needs: ${foreign.join(", ")}; delete or rename them, or create the cluster under another name`,
      );

/** The CRD refuses such flags; one of another version may be installed, and a flag that overrides the operator's must not get through. */
export const reservedFlag: Rule = ({ cluster }) => {
  const flag = Object.keys(cluster.spec.etcd.extraArgs ?? {}).find(isReservedFlag);
  return flag === undefined
    ? undefined
    : stuck(
        "ReservedFlag",
        `spec.etcd.extraArgs must not hold "${flag}": the operator sets it; remove it from there`,
      );
};
