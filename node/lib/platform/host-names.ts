/** Names of addresses and addresses of names, from DNS and this machine's hosts file: what a check of who dials asks. */
import { promises as dns } from "node:dns";
import { isIP } from "node:net";
import { lookupAddresses } from "./address-lookup.ts";
import { orGoError } from "./dns-error.ts";

export interface HostNames {
  /** Rejects with an Error in Go's words where there is none. Names may end in a dot. */
  namesOf(address: string): Promise<readonly string[]>;
  /** An address has itself. Rejects as `namesOf` does. */
  addressesOf(name: string): Promise<readonly string[]>;
}

/** As Go's resolver: 5 s for an answer, asked twice. */
const patience = { timeout: 5000, tries: 2 };

export const systemHostNames: HostNames = {
  namesOf: (address) => {
    const resolver = new dns.Resolver(patience);
    // What dns.setServers has set counts also here; a new Resolver would begin with this machine's.
    resolver.setServers(dns.getServers());
    return orGoError(address, resolver.reverse(address));
  },
  addressesOf: async (name) => {
    if (isIP(name) !== 0) return [name];
    const found = await orGoError(name, lookupAddresses(name));
    return found.map(({ address }) => address);
  },
};
