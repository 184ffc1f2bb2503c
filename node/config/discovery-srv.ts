/**
 * DNS SRV discovery: the members at a cluster's birth, read from the records `_etcd-server-ssl._tcp.DOMAIN` and `_etcd-server._tcp.DOMAIN`
 * (client/pkg/srv, GetCluster; embed, GetDNSClusterNames). Only decides; the look-ups go through a Resolver.
 */
import type { Logger } from "../lib/ports.ts";

export interface SrvRecord {
  /** The target, with or without DNS's dot at the end. */
  readonly host: string;
  readonly port: number;
}

/** What names mean. Both reject with an Error when there is no answer, or none of the kind asked for. */
export interface Resolver {
  /** The records of a full name such as "_etcd-server._tcp.example.com", the preferred first. */
  lookupSrv(name: string): Promise<readonly SrvRecord[]>;
  /** One IP address of a host, the same each time as long as DNS does not change; an IP address is its own. */
  lookupHost(host: string): Promise<string>;
}

/** --discovery-srv and --discovery-srv-name. */
export interface DiscoverySrv {
  readonly domain: string;
  /** Put behind the service's name, with a dash; "" for none. */
  readonly serviceName: string;
}

export interface DiscoveryOptions {
  readonly discovery: DiscoverySrv;
  /** This member, and its --initial-advertise-peer-urls, by which it finds itself among the records. */
  readonly name: string;
  readonly advertisePeerUrls: readonly string[];
  readonly resolver: Resolver;
  readonly logger: Logger;
}

/** NAME=URL pairs as --initial-cluster has them. Where there are none, `error` says why. */
export interface Discovered {
  readonly pairs: readonly string[];
  readonly error: string | undefined;
}

interface Service {
  readonly scheme: "http" | "https";
  readonly service: string;
}

/** Asks for both services and puts the answers together; one that fails does not matter as long as the other has members. */
export async function discoverBySrv(options: DiscoveryOptions): Promise<Discovered> {
  const { discovery, name, advertisePeerUrls, logger } = options;
  const suffix = discovery.serviceName === "" ? "" : `-${discovery.serviceName}`;
  const pairs: string[] = [];
  const errors: string[] = [];
  for (const [scheme, base] of [
    ["https", "etcd-server-ssl"],
    ["http", "etcd-server"],
  ] as const) {
    const service = `${base}${suffix}`;
    const found = await membersOf(options, { scheme, service });
    logger.info(`get cluster for ${base} SRV`, {
      "service-scheme": scheme,
      "service-name": service,
      "server-name": name,
      "discovery-srv": discovery.domain,
      "advertise-peer-urls": advertisePeerUrls,
      "found-cluster": found.pairs,
      ...(found.error === undefined ? {} : { error: found.error }),
    });
    pairs.push(...found.pairs);
    if (found.error !== undefined) errors.push(found.error);
  }
  return { pairs, error: errors.length === 0 ? undefined : errors.join("\n") };
}

/**
 * The members behind one service. Each record is one, named 0, 1 and so on, but for this member's, which is known by its address and gets its name.
 * As on etcd a record whose host has no address is left out (with a warning here), and counts as an error only where no other is left.
 */
async function membersOf(options: DiscoveryOptions, asked: Service): Promise<Discovered> {
  const { discovery, name, resolver, logger } = options;
  const { service } = asked;
  const refused = (why: string): Discovered => ({ pairs: [], error: why });
  let own: ReadonlyMap<string, string>;
  try {
    own = await ownAddresses(options);
  } catch (error) {
    return refused(messageOf(error));
  }
  const failed = (error: unknown): Discovered =>
    refused(`error querying DNS SRV records for _${service} ${messageOf(error)}`);
  let records: readonly SrvRecord[];
  try {
    records = await resolver.lookupSrv(`_${service}._tcp.${discovery.domain}`);
  } catch (error) {
    return failed(error);
  }
  const pairs: string[] = [];
  let lastError: Error | undefined;
  let unnamed = 0;
  for (const record of records) {
    const found = await memberAt(record, { resolver, own, ...asked });
    if (found instanceof Error) {
      lastError = found;
      const { message: error } = found;
      logger.warn("SRV record left out of the cluster", { service, ...record, error });
    } else {
      pairs.push(`${found.isOwn ? name : String(unnamed++)}=${found.url}`);
    }
  }
  return pairs.length === 0 && lastError !== undefined
    ? failed(lastError)
    : { pairs, error: undefined };
}

interface Lookup extends Service {
  readonly resolver: Resolver;
  readonly own: ReadonlyMap<string, string>;
}

async function memberAt(
  { host, port }: SrvRecord,
  { resolver, own, scheme, service }: Lookup,
): Promise<{ readonly url: string; readonly isOwn: boolean } | Error> {
  // DNS ends a full name with a dot; a URL does not.
  const shortHost = host.replace(/\.$/, "");
  const url = `${scheme}://${shortHost.includes(":") ? `[${shortHost}]` : shortHost}:${port}`;
  let ownUrl: string | undefined;
  try {
    ownUrl = own.get(`${await resolver.lookupHost(shortHost)} ${port}`);
  } catch (error) {
    return new Error(messageOf(error), { cause: error });
  }
  if (ownUrl === undefined || ownUrl.startsWith(`${scheme}:`)) {
    return { url, isOwn: ownUrl !== undefined };
  }
  return new Error(
    `bootstrap at ${url} from DNS for ${service} has scheme mismatch with expected peer ${ownUrl}`,
  );
}

/** "address port" ▸ the advertised URL that leads there. */
async function ownAddresses({
  advertisePeerUrls,
  resolver,
}: DiscoveryOptions): Promise<ReadonlyMap<string, string>> {
  const own = new Map<string, string>();
  for (const url of advertisePeerUrls) {
    const { hostname, port, protocol } = new URL(url);
    const address = await resolver.lookupHost(hostname.replace(/^\[|\]$/g, ""));
    const schemePort = protocol === "https:" ? 443 : 80;
    own.set(`${address} ${port === "" ? schemePort : port}`, url);
  }
  return own;
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
