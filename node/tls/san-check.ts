/**
 * Whether a peer's certificate is for the address it comes from (etcd client/pkg/transport/listener_tls.go, checkCertSAN): an IP address of the
 * certificate is that one, or one of its DNS names belongs to it. A certificate without either is taken from everywhere.
 */
import type { HostNames } from "../lib/platform/host-names.ts";
import { hostnameProblem } from "./allowed-names.ts";
import type { CertificateFacts } from "./x509/certificate-facts.ts";
import { ipBytes } from "./x509/ip-address.ts";

type Names = Pick<CertificateFacts, "commonName" | "dnsNames" | "ipAddresses">;

/** Undefined when `address`, an IP address, may show the certificate; otherwise the reason in etcd's words. May take as long as DNS does. */
export async function sanProblem(
  names: Names,
  address: string,
  hosts: HostNames,
): Promise<string | undefined> {
  const { ipAddresses, dnsNames } = names;
  if (ipAddresses.length > 0) {
    const problem = hostnameProblem(names, address);
    if (problem === undefined) return undefined;
    if (dnsNames.length === 0) return problem;
  }
  if (dnsNames.length === 0) return undefined;
  const { isMatch, error } = await matchesNames(address, dnsNames, hosts);
  if (isMatch) return undefined;
  const quoted = dnsNames.map((name) => JSON.stringify(name)).join(" ");
  const why = error === undefined ? "" : ` (${error})`;
  return `tls: "${address}" does not match any of DNSNames [${quoted}]${why}`;
}

interface Match {
  readonly isMatch: boolean;
  /** Of the last look-up that failed. */
  readonly error?: string;
}

/**
 * A wildcard can be met by the names of the address only: it has no addresses itself. Both directions are asked at the same time, since one may have no
 * answer for long; of the names the longest first, because for a name without its domain DNS may be asked in vain.
 */
async function matchesNames(
  address: string,
  dnsNames: readonly string[],
  hosts: HostNames,
): Promise<Match> {
  const asked = [isNameOf(address, dnsNames, hosts), isAddressOf(address, dnsNames, hosts)];
  return new Promise((resolve, reject) => {
    for (const match of asked) {
      match.then((answer) => {
        if (answer.isMatch) resolve(answer);
      }, reject);
    }
    Promise.all(asked).then(([reverse, forward]) => {
      const error = forward?.error ?? reverse?.error;
      resolve(error === undefined ? { isMatch: false } : { isMatch: false, error });
    }, reject);
  });
}

/** Whether a name of the address stands in the certificate. */
async function isNameOf(
  address: string,
  dnsNames: readonly string[],
  hosts: HostNames,
): Promise<Match> {
  const wildcards = dnsNames.filter(isWildcard).map((name) => name.slice(1));
  const { texts, error } = await found(hosts.namesOf(address));
  const isMatch = texts
    .map((name) => name.replace(/\.$/, ""))
    .some((name) => dnsNames.includes(name) || wildcards.some((end) => name.endsWith(end)));
  return error === undefined ? { isMatch } : { isMatch, error };
}

/** Whether a name in the certificate has the address. */
async function isAddressOf(
  address: string,
  dnsNames: readonly string[],
  hosts: HostNames,
): Promise<Match> {
  const names = dnsNames.filter((name) => !isWildcard(name));
  const longestFirst = names.toSorted((one, other) => labelsOf(other) - labelsOf(one));
  let failed: Pick<Match, "error"> = {};
  for (const name of longestFirst) {
    const { texts, error } = await found(hosts.addressesOf(name));
    if (texts.some((candidate) => isSameAddress(candidate, address))) return { isMatch: true };
    if (error !== undefined) failed = { error };
  }
  return { isMatch: false, ...failed };
}

const labelsOf = (name: string): number => name.split(".").length;

const isWildcard = (name: string): boolean => name.startsWith("*.");

async function found(
  answer: Promise<readonly string[]>,
): Promise<{ readonly texts: readonly string[]; readonly error: string | undefined }> {
  try {
    return { texts: await answer, error: undefined };
  } catch (error) {
    return { texts: [], error: error instanceof Error ? error.message : String(error) };
  }
}

function isSameAddress(one: string, other: string): boolean {
  const bytes = ipBytes(one);
  const others = ipBytes(other);
  if (bytes === undefined || others === undefined) return one === other;
  return Buffer.from(bytes).equals(others);
}
