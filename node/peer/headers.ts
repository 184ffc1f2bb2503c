/**
 * What a member says of itself in the heads of its requests to other members, and what it checks in theirs (etcd rafthttp/http.go and
 * util.go; texts and statuses are etcd's). Everything that is read here comes from a stranger.
 */
import type { IncomingHttpHeaders } from "node:http";
import { serverVersion } from "../lib/etcd-version.ts";
import { type ClusterId, idToHex, type MemberId, memberId } from "../lib/units.ts";

/** The oldest version that may be in a cluster with this one. */
const minClusterVersion = "3.0.0";
/** What etcd 2.0, which did not say, is taken for. */
const versionUnsaid = "2.0.0";

/** Who this member is. */
export interface Self {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
  /** The advertised ones: a member that does not know this one yet can answer there. */
  readonly peerUrls: readonly string[];
}

/** The fields of every request to another member. `X-Etcd-Ts` is ours; a real etcd passes over it. */
export function headersOf(self: Self): Readonly<Record<string, string>> {
  return {
    "X-Server-From": idToHex(self.memberId),
    "X-Server-Version": serverVersion,
    "X-Min-Cluster-Version": minClusterVersion,
    "X-Etcd-Cluster-ID": idToHex(self.clusterId),
    "X-PeerURLs": self.peerUrls.join(","),
    "X-Etcd-Ts": "1",
  };
}

/** Who sends a request, or answers one, as it says itself. */
export interface Sender {
  /** Undefined where it is not said, or is no id. */
  readonly id: MemberId | undefined;
  readonly version: string;
  /** Only what is a URL of http or https. */
  readonly peerUrls: readonly string[];
  readonly isEtcdTs: boolean;
}

export function senderOf(headers: IncomingHttpHeaders): Sender {
  const urls = textOf(headers, "x-peerurls");
  return {
    id: parseId(textOf(headers, "x-server-from")),
    version: versionIn(headers, "x-server-version"),
    peerUrls: urls.split(",").filter(isPeerUrl),
    isEtcdTs: textOf(headers, "x-etcd-ts") === "1",
  };
}

/** An id as etcd writes them, in hex; undefined for what is none (Go's ParseUint with base 16). */
export function parseId(text: string): MemberId | undefined {
  return /^0*[0-9a-fA-F]{1,16}$/.test(text) ? memberId(BigInt(`0x${text}`)) : undefined;
}

/** An answer that turns a request away. */
export interface Refusal {
  readonly status: number;
  readonly text: string;
}

/**
 * Whether the sender may talk to this member at all: its version and ours know each other, and it is of the same cluster. A version that
 * is none is not compatible either; etcd panics there, which ends the connection.
 */
export function checkCompatible(headers: IncomingHttpHeaders, self: Self): Refusal | undefined {
  const remote = majorMinor(versionIn(headers, "x-server-version"));
  const remoteMin = majorMinor(versionIn(headers, "x-min-cluster-version"));
  const isKnown =
    remote !== undefined &&
    remoteMin !== undefined &&
    !isOlder(remote, parsed(minClusterVersion)) &&
    !isOlder(parsed(serverVersion), remoteMin);
  if (!isKnown) return { status: 412, text: "incompatible version" };
  const isSameCluster = textOf(headers, "x-etcd-cluster-id") === idToHex(self.clusterId);
  return isSameCluster ? undefined : { status: 412, text: "cluster ID mismatch" };
}

interface MajorMinor {
  readonly major: number;
  readonly minor: number;
}

function majorMinor(version: string): MajorMinor | undefined {
  const match = /^(\d{1,9})\.(\d{1,9})\.\d{1,9}(?:[-+].*)?$/.exec(version);
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) };
}

/** For our own versions, which are well formed. */
const parsed = (version: string): MajorMinor => majorMinor(version) ?? { major: 0, minor: 0 };

const isOlder = (a: MajorMinor, b: MajorMinor): boolean =>
  a.major === b.major ? a.minor < b.minor : a.major < b.major;

function versionIn(headers: IncomingHttpHeaders, name: string): string {
  const version = textOf(headers, name);
  return version === "" ? versionUnsaid : version;
}

/** Empty where it is not there. Node.js joins what came more than once. */
function textOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  return typeof value === "string" ? value : "";
}

function isPeerUrl(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text);
}
