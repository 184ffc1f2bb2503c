/** Loaded into a member's process before all else (--import): every name of a Pod leads to this machine, as if each member had a DNS name of its own. */
import dns from "node:dns";

const isOfPod = (host: string): boolean => /[.]svc([.]|$)/.test(host);
const own = [{ address: "127.0.0.1", family: 4 }];
const { lookup } = dns;
const { lookup: lookupAsync } = dns.promises;

type Callback = (error: null, found: unknown, family?: number) => void;

Object.assign(dns, {
  lookup: (host: string, options: unknown, callback?: Callback): void => {
    const done = (callback ?? options) as Callback;
    if (!isOfPod(host))
      Reflect.apply(lookup, dns, callback === undefined ? [host, done] : [host, options, done]);
    else if (wantsAll(options)) process.nextTick(done, null, own);
    else process.nextTick(done, null, "127.0.0.1", 4);
  },
});
Object.assign(dns.promises, {
  lookup: async (host: string, options: unknown): Promise<unknown> => {
    if (!isOfPod(host)) return Reflect.apply(lookupAsync, dns.promises, [host, options]) as unknown;
    return wantsAll(options) ? own : own[0];
  },
});
// There is no name server to ask for the names of an address.
dns.promises.Resolver.prototype.reverse = () =>
  Promise.reject(Object.assign(new Error("no such host"), { code: "ENOTFOUND" }));

function wantsAll(options: unknown): boolean {
  return (
    typeof options === "object" && options !== null && "all" in options && options.all === true
  );
}
