/**
 * Rule for the CronJobs that compact and defragment, and the rights that they run with: as the spec asks for, and gone when it asks for none. What is deleted
 * ends its running Jobs; they give the maintenance Lease back, or it runs out within two minutes.
 */
import type { EtcdCluster } from "../../api/v1alpha1/types.ts";
import type { KubernetesObject } from "../../kernel/resource.ts";
import { isAsBuilt } from "../../resources/built-hash.ts";
import { buildCompactionCronJob, buildDefragCronJob } from "../../resources/cron-jobs.ts";
import { buildMaintenanceAccess } from "../../resources/maintenance-access.ts";
import { builtFor, isKnownAsBuilt } from "../built.ts";
import { type Answer, type Rule, step } from "../rule.ts";

/**
 * Rights first: a CronJob that fires finds them. The last CronJob goes after its rights, since those are only looked for where there is a CronJob; a Job that
 * runs just then cannot give the Lease back.
 */
export const maintenanceJobs: Rule = (look) => {
  const { cluster, observed, context } = look;
  const jobs = jobsOf(cluster, context.defaultImage);
  const access = jobs.length === 0 ? [] : accessOf(cluster);
  return (
    firstOf(access, (built) => applied(observed.maintenanceAccess.get(built.kind ?? ""), built)) ??
    firstOf(jobs, (built) => applied(observed.cronJobs.get(built.metadata.name), built)) ??
    firstOf(["RoleBinding", "Role", "ServiceAccount"], (kind) =>
      deleted(observed.maintenanceAccess.get(kind), access),
    ) ??
    firstOf([...observed.cronJobs.values()], (found) => deleted(found, jobs))
  );
};

function applied(found: KubernetesObject | undefined, built: KubernetesObject): Answer {
  // It comes anew when it is gone.
  if (found?.metadata.deletionTimestamp !== undefined) return undefined;
  if (found !== undefined && isKnownAsBuilt(found, built, isAsBuilt)) return undefined;
  const { kind = "", metadata } = built;
  return step({
    kind: "apply",
    object: built,
    ...(found === undefined
      ? { reason: `Created${kind}`, message: `${kind} ${metadata.name} is created` }
      : {
          reason: `Updated${kind}`,
          message: `${kind} ${metadata.name} differs from what was asked for`,
        }),
  });
}

/** Unless it is one of `wanted`, by its name. */
function deleted(found: KubernetesObject | undefined, wanted: readonly KubernetesObject[]): Answer {
  if (found === undefined || found.metadata.deletionTimestamp !== undefined) return undefined;
  if (wanted.some(({ metadata }) => metadata.name === found.metadata.name)) return undefined;
  const { kind = "", metadata } = found;
  return step({
    kind: "delete",
    object: found,
    reason: `Deleted${kind}`,
    message: `${kind} ${metadata.name}: spec.maintenance does not ask for it any more`,
  });
}

function firstOf<Item>(items: readonly Item[], answer: (item: Item) => Answer): Answer {
  for (const item of items) {
    const found = answer(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

type Build = (cluster: EtcdCluster) => KubernetesObject | undefined;
type CertainBuild = (cluster: EtcdCluster) => KubernetesObject;

/** One list of functions for each image, by which builtFor knows what it has built. */
const jobBuilds = new Map<string, readonly Build[]>();

function jobsOf(cluster: EtcdCluster, image: string): readonly KubernetesObject[] {
  const { maintenance } = cluster.spec;
  if (maintenance?.compaction === undefined && maintenance?.defrag === undefined) return [];
  let builds = jobBuilds.get(image);
  if (builds === undefined) {
    builds = [
      (of) => buildCompactionCronJob(of, { image }),
      (of) => buildDefragCronJob(of, { image }),
    ];
    jobBuilds.set(image, builds);
  }
  const asked = [maintenance.compaction, maintenance.defrag];
  return builds.flatMap((build, at) =>
    asked[at] === undefined ? [] : [builtFor(cluster, build as CertainBuild)],
  );
}

const accessBuilds: readonly Build[] = [0, 1, 2].map(
  (at) => (of) => buildMaintenanceAccess(of)[at],
);

function accessOf(cluster: EtcdCluster): readonly KubernetesObject[] {
  return accessBuilds.map((build) => builtFor(cluster, build as CertainBuild));
}
