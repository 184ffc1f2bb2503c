/**
 * Names of what belongs to a cluster. The name of a cluster has at most 45 characters (the CRD sees to it), so that each of these is a DNS label, but for
 * those of applications' Secrets, which are DNS names of more than 63 characters at most. A CronJob's name has at most 52 characters.
 */

/** Of what follows the cluster's name in a member's: no vowels, so no words, and nothing that is easily misread. */
export const memberSuffixAlphabet = "bcdfghjklmnpqrstvwxz2456789";
export const memberSuffixLength = 5;

/** `suffix`: memberSuffixLength characters of the alphabet, drawn by the caller. A member's name is never used again after it. */
export function memberNameOf(clusterName: string, suffix: string): string {
  return `${clusterName}-${suffix}`;
}

/** The claim of a member; its Pod has the member's own name. */
export function volumeClaimNameOf(memberName: string): string {
  return `data-${memberName}`;
}

/** The headless Service that gives every member its DNS name, ready or not. */
export function peersServiceNameOf(clusterName: string): string {
  return `${clusterName}-peers`;
}

/** The Service that clients use: members that are ready. */
export function clientServiceNameOf(clusterName: string): string {
  return `${clusterName}-client`;
}

/** The PodDisruptionBudget of the members' Pods. */
export function disruptionBudgetNameOf(clusterName: string): string {
  return `${clusterName}-members`;
}

/** The Secret with the CA of mode Managed and its key. Never mounted. */
export function caSecretNameOf(clusterName: string): string {
  return `${clusterName}-ca`;
}

/** The Secret with a member's certificates, of mode Managed: it dies with the member. */
export function memberTlsSecretNameOf(memberName: string): string {
  return `${memberName}-tls`;
}

/** The Secret with which the operator is a client, of mode Managed. */
export function operatorTlsSecretNameOf(clusterName: string): string {
  return `${clusterName}-operator-tls`;
}

/** The Secret of an application of spec.tls.clients. */
export function clientTlsSecretNameOf(clusterName: string, application: string): string {
  return `${clusterName}-client-${application}-tls`;
}

/** The Lease that whoever works on the cluster holds: the CronJobs, and the operator while a change of its own is under way. */
export function maintenanceLeaseNameOf(clusterName: string): string {
  return `${clusterName}-maintenance`;
}

/** ServiceAccount, Role and RoleBinding of the CronJobs. */
export function maintenanceAccountNameOf(clusterName: string): string {
  return `${clusterName}-maintenance`;
}

export function compactionCronJobNameOf(clusterName: string): string {
  return `${clusterName}-compact`;
}

export function defragCronJobNameOf(clusterName: string): string {
  return `${clusterName}-defrag`;
}
