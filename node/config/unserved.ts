/**
 * etcd's options (3.7.1) that this version does not serve. They are known so that setting one by its environment variable or in the configuration
 * file is refused like the flag is: an option such as ETCD_AUTH_TOKEN must never be passed over. Etcd's own default, said aloud, asks for nothing
 * and is taken. An option that comes to be served moves to options/.
 */
import { boolean, duration, integer, type OptionKind, type Parse } from "./options/option.ts";

export interface Refused {
  readonly kind: OptionKind;
  /** Values that change nothing, and so are taken; "any" where another option, refused too, is what gives the value a meaning. */
  readonly harmless: readonly string[] | "any";
  /** What the user can do in its place, or why nobody can have it. */
  readonly instead: string;
}

const refused = (kind: OptionKind, harmless: Refused["harmless"], instead: string): Refused => ({
  kind,
  harmless,
  instead,
});

const seeHelp = "see --help for what is";
const otherDiscovery = "use --initial-cluster or --discovery-srv instead";
const noTracing = "there is no tracing";
const noGateway = "use gRPC, as etcdctl does";
const noHashCheck = "compare the members with etcdctl endpoint hashkv instead";

export const unserved: Readonly<Record<string, Refused>> = {
  "auth-token": refused("text", ["simple"], seeHelp),
  "auth-token-ttl": refused("integer", ["300"], seeHelp),
  "bcrypt-cost": refused("integer", ["10"], seeHelp),
  "backend-bbolt-freelist-type": refused(
    "text",
    ["", "map", "array"],
    "it is about the file format of etcd's backend, and this backend has another",
  ),
  "compact-hash-check-time": refused("duration", ["1m"], noHashCheck),
  "corrupt-check-time": refused("duration", ["0s"], noHashCheck),
  "discovery-cacert": refused("text", [""], otherDiscovery),
  "discovery-cert": refused("text", [""], otherDiscovery),
  "discovery-dial-timeout": refused("duration", ["2s"], otherDiscovery),
  "discovery-endpoints": refused("list", [""], otherDiscovery),
  "discovery-fallback": refused(
    "text",
    ["exit"],
    `v2 proxy is deprecated, and --discovery-fallback can't be configured as "proxy"`,
  ),
  "discovery-insecure-skip-tls-verify": refused("boolean", ["false"], otherDiscovery),
  "discovery-insecure-transport": refused("boolean", ["true"], otherDiscovery),
  "discovery-keepalive-time": refused("duration", ["2s"], otherDiscovery),
  "discovery-keepalive-timeout": refused("duration", ["6s"], otherDiscovery),
  "discovery-key": refused("text", [""], otherDiscovery),
  "discovery-password": refused("text", [""], otherDiscovery),
  "discovery-request-timeout": refused("duration", ["5s"], otherDiscovery),
  "discovery-token": refused("text", [""], otherDiscovery),
  "discovery-user": refused("text", [""], otherDiscovery),
  "distributed-tracing-address": refused("text", ["localhost:4317"], noTracing),
  "distributed-tracing-instance-id": refused("text", [""], noTracing),
  "distributed-tracing-sampling-rate": refused("integer", ["0"], noTracing),
  "distributed-tracing-service-name": refused("text", ["etcd"], noTracing),
  "downgrade-check-time": refused("duration", ["5s"], seeHelp),
  "enable-distributed-tracing": refused("boolean", ["false"], noTracing),
  "enable-grpc-gateway": refused("boolean", ["false"], noGateway),
  "memory-mlock": refused(
    "boolean",
    ["false"],
    "the memory of a JavaScript program cannot be locked; turn swap off on the machine instead",
  ),
  "socket-reuse-address": refused(
    "boolean",
    // Every listener of libuv has SO_REUSEADDR, as each of Go's has: etcd's flag changes nothing there either.
    ["false", "true"],
    seeHelp,
  ),
  "socket-reuse-port": refused("boolean", ["false"], "give each listener its own port"),
  "unsafe-no-fsync": refused(
    "boolean",
    ["false"],
    "an acknowledged write could be lost; for tests, put the data directory on a tmpfs",
  ),
};

/** Their names. */
export const unservedOptions: ReadonlySet<string> = new Set(Object.keys(unserved));

const plainText: Parse<string> = (value) => value;
const parseOf: Readonly<Record<OptionKind, Parse<unknown>>> = {
  text: plainText,
  list: plainText,
  boolean,
  duration,
  integer: integer({ min: Number.MIN_SAFE_INTEGER }),
};

/** The text means what a harmless one does: "0s" is "0". */
export function isHarmless({ kind, harmless }: Refused, value: string): boolean {
  if (harmless === "any") return true;
  const parse = parseOf[kind];
  try {
    const given = parse(value);
    return harmless.some((each) => parse(each) === given);
  } catch {
    // No value of that kind: etcd would refuse it too.
    return false;
  }
}
