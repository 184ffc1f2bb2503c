/** Names for new members: drawn at random, so that no member ever gets the name, and with it the identity, of an earlier one. */
import type { Random } from "../kernel/ports.ts";
import { memberNameOf, memberSuffixAlphabet, memberSuffixLength } from "../resources/names.ts";

export function candidateMemberName(clusterName: string, random: Random): string {
  let suffix = "";
  while (suffix.length < memberSuffixLength) {
    suffix += memberSuffixAlphabet.charAt(random.uint32() % memberSuffixAlphabet.length);
  }
  return memberNameOf(clusterName, suffix);
}
