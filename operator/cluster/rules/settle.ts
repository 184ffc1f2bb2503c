/** Rules that wait: everything is made, and has to come up. */

import { lossOf } from "../losses.ts";
import type { EtcdView } from "../observed.ts";
import { type MemberRule, type Rule, wait } from "../rule.ts";

export const podComingUp: MemberRule = (look, seen) => {
  const { name, podState } = seen;
  if (podState.kind !== "pending" && podState.kind !== "running") return undefined;
  if (podState.kind === "running" && podState.isReady) return undefined;
  const outlook = lossOf(look, seen)?.why;
  const text = `member ${name}: ${podState.why}${outlook === undefined ? "" : `; ${outlook}`}`;
  return wait(podState.kind === "pending" ? "PodPending" : "PodNotReady", text);
};

/** Its Pod is ready, and it does not know who leads, or does not answer the operator. */
export const memberNotServing: MemberRule = (look, { name, serves, listed }) =>
  look.list === undefined || serves || listed === undefined
    ? undefined
    : wait("MemberNotServing", `member ${name} does not answer, or knows of no leader`);

/** Never "done" without an answer of a quorum. */
export const etcdUnreachable: Rule = ({ observed: { etcd }, list }) => {
  if (list !== undefined) return undefined;
  return wait("EtcdUnreachable", `the member list cannot be read: ${whyUnknown(etcd)}`);
};

function whyUnknown(etcd: EtcdView): string {
  switch (etcd.kind) {
    case "unasked":
      return "no member was asked";
    case "unknown":
      return etcd.reason;
    case "known":
      return "it is empty";
  }
}
