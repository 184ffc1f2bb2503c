/** Names to addresses and SRV records by node:dns: the real twin of config/'s Resolver. */
import { promises as dns } from "node:dns";
import { isIP } from "node:net";
import type { Resolver, SrvRecord } from "./config/discovery-srv.ts";
import { orGoError } from "./lib/platform/dns-error.ts";

/** As Go's resolver: 5 s for an answer, asked twice. */
const patience = { timeout: 5000, tries: 2 };

export interface NameResolverOptions {
  /** Addresses of name servers, "127.0.0.1:53". Without any, those of this machine, and its hosts file. */
  readonly servers?: readonly string[];
}

/**
 * SRV records are asked for by their full name only: search domains of this machine are not tried. Errors read as Go's ("lookup NAME: no such
 * host"), without the name server's address.
 */
export class NameResolver implements Resolver {
  readonly #servers: dns.Resolver | undefined;

  constructor({ servers }: NameResolverOptions = {}) {
    if (servers === undefined) return;
    this.#servers = new dns.Resolver(patience);
    this.#servers.setServers(servers);
  }

  async lookupSrv(name: string): Promise<readonly SrvRecord[]> {
    const resolver = this.#servers ?? new dns.Resolver(patience);
    // What dns.setServers has set counts also here; a new Resolver would begin with this machine's.
    if (this.#servers === undefined) resolver.setServers(dns.getServers());
    const records = await orGoError(name, resolver.resolveSrv(name));
    // Go shuffles records of one priority by weight; a fixed order tells as much, and the same at each start.
    records.sort((a, b) => {
      if (a.priority !== b.priority) return a.priority - b.priority;
      if (a.weight !== b.weight) return b.weight - a.weight;
      return a.name === b.name ? a.port - b.port : a.name < b.name ? -1 : 1;
    });
    return records.map(({ name: host, port }) => ({ host, port }));
  }

  async lookupHost(host: string): Promise<string> {
    // In the one form that a URL has for it.
    if (isIP(host) === 6) return new URL(`http://[${host}]`).hostname.slice(1, -1);
    if (isIP(host) === 4) return host;
    const addresses =
      this.#servers === undefined
        ? dns.lookup(host, { all: true }).then((found) => found.map(({ address }) => address))
        : addressesFrom(this.#servers, host);
    return lowest(await orGoError(host, addresses));
  }
}

async function addressesFrom(resolver: dns.Resolver, host: string): Promise<string[]> {
  const ipv4 = await resolver.resolve4(host).catch(() => []);
  return ipv4.length > 0 ? ipv4 : resolver.resolve6(host);
}

/** IPv4 first; the lowest, as name servers turn the order round from answer to answer. */
function lowest(addresses: readonly string[]): string {
  const ipv4 = addresses.filter((address) => isIP(address) === 4);
  const [address] = (ipv4.length > 0 ? ipv4 : [...addresses]).sort();
  // A look-up without any address has rejected.
  return address as string;
}
