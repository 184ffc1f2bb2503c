/**
 * Addresses of names as this machine knows them, from its hosts file and DNS (getaddrinfo). A look-up holds a thread of the pool that also writes the log,
 * and for ten seconds where no name server answers. So only a few run at a time, whoever asks, and those who ask for one name share a look-up: a cluster
 * whose DNS is down dials and judges peers all the time, and must not stop writing for it.
 */
import dns, { type LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";

/** Of the eight threads that a member has at least (heap-limit.ts). */
const lookupsMax = 2;

const underWay = new Map<string, Promise<readonly LookupAddress[]>>();
const waiting: (() => void)[] = [];
let running = 0;

/** All addresses of a name, in the order in which they should be tried. Rejects with the system's error. */
export function lookupAddresses(name: string): Promise<readonly LookupAddress[]> {
  const shared = underWay.get(name);
  if (shared !== undefined) return shared;
  const answer = inTurn(() => dns.promises.lookup(name, { all: true }));
  underWay.set(name, answer);
  const forget = (): void => void underWay.delete(name);
  answer.then(forget, forget);
  return answer;
}

/** For the `lookup` option of connections. */
export const sharedLookup: LookupFunction = (name, { all, family }, callback) => {
  const wanted = family === 4 || family === "IPv4" ? 4 : family === 6 || family === "IPv6" ? 6 : 0;
  lookupAddresses(name).then(
    (found) => {
      const addresses = found.filter((each) => wanted === 0 || each.family === wanted);
      const [first] = addresses;
      if (first === undefined) callback(notFound(name), "");
      else if (all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    },
    (error: unknown) => callback(error as NodeJS.ErrnoException, ""),
  );
};

function notFound(name: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: "ENOTFOUND" });
}

async function inTurn<T>(run: () => Promise<T>): Promise<T> {
  if (running === lookupsMax) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await run();
  } finally {
    // The place is handed on, or given back.
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}
