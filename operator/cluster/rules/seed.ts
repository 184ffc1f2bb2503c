/**
 * Rules for the birth of a cluster, of which there is one in a life:
 *
 *   nothing ──latch seedMember──▸ named ──create EtcdMember──▸ claim, Pod "new" ──etcd answers──▸ latch clusterID
 *
 * The name is latched with a precondition before anything of that name exists. So a reply that was lost, a crash or a second operator leads to the same
 * seed again, and never to another.
 */
import { buildMember } from "../../resources/member.ts";
import { type Rule, step, stuck } from "../rule.ts";

/** A cluster that is to sleep before it was ever awake is not born yet. A birth that has begun is finished first. */
export const asleepUnborn: Rule = ({ target, latched, members }) =>
  target === 0 &&
  latched.clusterID === undefined &&
  latched.seedMember === undefined &&
  members.length === 0
    ? { kind: "done" }
    : undefined;

/** A member that is there although no name was latched (somebody emptied the status) is the seed: a second one would be a second cluster. */
export const latchSeed: Rule = ({ members, latched, context }) => {
  if (latched.seedMember !== undefined || latched.clusterID !== undefined) return undefined;
  const seedMember = members[0]?.name ?? context.candidateMemberName;
  return step({
    kind: "latch-cluster",
    fields: { seedMember },
    reason: "ChoseSeed",
    message: `member ${seedMember} is to start the cluster`,
  });
};

/** Never a new start: that would be an empty cluster in the place of one that had data. */
export const membersLost: Rule = ({ members, latched }) =>
  members.length > 0 || latched.clusterID === undefined
    ? undefined
    : stuck(
        "MembersLost",
        `cluster ${latched.clusterID} had members, and all EtcdMembers are gone; the operator does not start it anew, since that would be without its data. Restore a backup into another EtcdCluster; volumes that are left have the label etcd-ts.dev/cluster`,
      );

/** Somebody wrote into the status: the member that is there is not the one that may start the cluster, and starting both would make two. */
export const seedMismatch: Rule = ({ members, latched }) => {
  const { seedMember, clusterID } = latched;
  if (clusterID !== undefined || seedMember === undefined || members.length === 0) return undefined;
  const names = members.map(({ name }) => name);
  return names.includes(seedMember)
    ? undefined
    : stuck(
        "SeedMismatch",
        `status.seedMember is ${seedMember}, and there is no such EtcdMember but ${names.join(", ")}; set status.seedMember to the member that has the data`,
      );
};

/** After latchSeed and membersLost: there is a name, and no cluster yet. */
export const createSeed: Rule = ({ cluster, members, latched, context }) => {
  if (members.length > 0 || latched.seedMember === undefined) return undefined;
  return step({
    kind: "create",
    object: buildMember(cluster, {
      name: latched.seedMember,
      bootstrap: "NewCluster",
      clusterDomain: context.clusterDomain,
      defaultImage: context.defaultImage,
    }),
    reason: "CreatedMember",
    message: `member ${latched.seedMember} is created, to start the cluster`,
  });
};
