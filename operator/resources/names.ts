/** Names of what belongs to a cluster. The name of a cluster has at most 45 characters (the CRD sees to it), so that each of these is a DNS label. */

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
