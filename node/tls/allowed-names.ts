/**
 * Whether a certificate is valid for a host: the rules of Go's x509.Certificate.VerifyHostname, which etcd applies to those whom it dials, and to
 * --client-cert-allowed-hostname and --peer-cert-allowed-hostname. Only alternative names count, never the common name. Node.js's own checkServerIdentity
 * falls back to the common name and takes wildcards inside a label.
 */
import type { CertificateFacts } from "./x509/certificate-facts.ts";
import { ipBytes } from "./x509/ip-address.ts";

type Names = Pick<CertificateFacts, "commonName" | "dnsNames" | "ipAddresses">;

const namesInErrorMax = 100;
const hostLabel = /^[a-z0-9_](?:[a-z0-9_-]*)$/i;

/** Undefined when the certificate is valid for `host`, which may be an IP address, also in brackets; otherwise Go's text. */
export function hostnameProblem(names: Names, host: string): string | undefined {
  const inBrackets = host.length >= 3 && host.startsWith("[") && host.endsWith("]");
  const address = inBrackets ? host.slice(1, -1) : host;
  const ip = canonicalIp(address);
  if (ip !== undefined) {
    return names.ipAddresses.some((candidate) => canonicalIp(candidate) === ip)
      ? undefined
      : addressProblem(names, address);
  }
  const wanted = lowerCase(host);
  return names.dnsNames.some((pattern) => matches(pattern, wanted))
    ? undefined
    : nameProblem(names, host);
}

/** A wildcard stands for the whole leftmost label. What is no host name on either side matches itself only. */
function matches(pattern: string, host: string): boolean {
  if (!isHostName(host, false) || !isHostName(pattern, true))
    return host !== "" && host !== "." && lowerCase(pattern) === host;
  const parts = lowerCase(pattern).split(".");
  const hostParts = withoutLastDot(host).split(".");
  return (
    parts.length === hostParts.length &&
    parts.every((part, at) => (at === 0 && part === "*") || part === hostParts[at])
  );
}

function isHostName(name: string, isPattern: boolean): boolean {
  // A dot at the end is the root's; patterns have none.
  const labels = (isPattern ? name : withoutLastDot(name)).split(".");
  if (isPattern && name === "*") return false;
  return labels.every(
    (label, at) => (isPattern && at === 0 && label === "*") || hostLabel.test(label),
  );
}

function addressProblem({ ipAddresses, ...rest }: Names, address: string): string {
  if (reliesOnCommonName({ ipAddresses, ...rest }, address)) return legacyProblem;
  if (ipAddresses.length === 0)
    return `x509: cannot validate certificate for ${address} because it doesn't contain any IP SANs`;
  return ipAddresses.length >= namesInErrorMax
    ? `x509: certificate is valid for ${ipAddresses.length} IP SANs, but none matched ${address}`
    : `x509: certificate is valid for ${ipAddresses.join(", ")}, not ${address}`;
}

function nameProblem(names: Names, host: string): string {
  const { dnsNames } = names;
  if (reliesOnCommonName(names, host)) return legacyProblem;
  if (dnsNames.join(", ") === "")
    return `x509: certificate is not valid for any names, but wanted to match ${host}`;
  return dnsNames.length >= namesInErrorMax
    ? `x509: certificate is valid for ${dnsNames.length} names, but none matched ${host}`
    : `x509: certificate is valid for ${dnsNames.join(", ")}, not ${host}`;
}

const legacyProblem = "x509: certificate relies on legacy Common Name field, use SANs instead";

function reliesOnCommonName(names: Names, host: string): boolean {
  return (
    names.dnsNames.length === 0 &&
    names.ipAddresses.length === 0 &&
    names.commonName !== "" &&
    lowerCase(names.commonName) === withoutLastDot(lowerCase(host))
  );
}

const withoutLastDot = (name: string): string => (name.endsWith(".") ? name.slice(0, -1) : name);

/** ASCII only: what else there is compares as it is. */
const lowerCase = (name: string): string =>
  name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

/** The same text for all forms of an address; undefined for what is none. */
function canonicalIp(text: string): string | undefined {
  const bytes = ipBytes(text);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("hex");
}
