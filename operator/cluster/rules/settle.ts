/** Rules that wait: everything is made, and has to come up. */

import type { EtcdView } from "../observed.ts";
import { podStateOf } from "../pod-state.ts";
import { type MemberRule, type Rule, wait } from "../rule.ts";

export const podComingUp: MemberRule = (_look, { member, pod }) => {
  const state = podStateOf(pod);
  const { name } = member.metadata;
  if (state.kind === "pending") return wait("PodPending", `member ${name}: ${state.why}`);
  if (state.kind === "running" && !state.isReady) {
    return wait("PodNotReady", `member ${name}: ${state.why}`);
  }
  return undefined;
};

/** Never "done" without an answer of a quorum. */
export const etcdUnreachable: Rule = ({ observed: { etcd } }) => {
  if (etcd.kind === "known" && etcd.list.length > 0) return undefined;
  const why = whyUnknown(etcd);
  return wait("EtcdUnreachable", `the member list cannot be read: ${why}`);
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
