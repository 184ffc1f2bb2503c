/** Peer URLs as etcd accepts them (client/pkg/types/urls.go, NewURLs, on top of Go's net/url). */

/** What stands between "//" and a path, with etcd's demand for a port: "host:port" or "[ipv6]:port"; the port may be empty, as for Go. */
const address = String.raw`(?:[^\s/?#@]*@)?(?:\[[^\s\[\]/?#@]*\]|[A-Za-z0-9\-._~!$&'()*+,;=<>"%]*):\d*`;
const httpUrl = new RegExp(String.raw`^(https?)(://${address})(\?[^#]*)?(#.*)?$`, "i");
const unixUrl = /^(unixs?)(:.*)$/i;

/** The scheme in lower case, as Go prints it; undefined when etcd would not take the URL. */
function normalized(text: string): string | undefined {
  const url = text.trim();
  // Go refuses control characters anywhere.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  if (/[\u0000-\u001f\u007f ]/.test(url)) return undefined;
  const match = httpUrl.exec(url) ?? unixUrl.exec(url);
  if (match === null) return undefined;
  const [whole, scheme = ""] = match;
  return scheme.toLowerCase() + whole.slice(scheme.length);
}

/** Why etcd would not take the URL, in its words; undefined when it does. */
export function peerUrlProblem(text: string): string | undefined {
  const url = text.trim();
  if (normalized(url) !== undefined) return undefined;
  const rest = /^https?:\/\/(.*)$/i.exec(url)?.[1];
  if (rest === undefined) return `URL scheme must be http, https, unix, or unixs: ${url}`;
  const [authority = ""] = rest.split(/[/?#]/, 1);
  const hasPort = normalized(`http://${authority}`) !== undefined;
  return hasPort && rest.startsWith("/", authority.length)
    ? `URL must not contain a path: ${url}`
    : `URL address does not have the form "host:port": ${url}`;
}

/** The URLs as etcd keeps them, sorted; undefined when there are none, or one is malformed, has a path, or lacks a port. */
export function parsePeerUrls(texts: readonly string[]): readonly string[] | undefined {
  if (texts.length === 0) return undefined;
  const urls = texts.map(normalized);
  const valid = urls.filter((url) => url !== undefined);
  return valid.length === urls.length ? valid.sort() : undefined;
}

/** Both name the same addresses, as texts: a host and its IP address are different ones. `differenceOf` resolves names too. */
export function isSameUrls(some: readonly string[], others: readonly string[]): boolean {
  const sorted = (urls: readonly string[]): string =>
    urls
      .map((url) => normalized(url)?.toLowerCase() ?? url)
      .sort()
      .join("\n");
  return sorted(some) === sorted(others);
}

/** The IP address of a host name, without brackets. Rejects with an Error that says what went wrong, also when there is none. */
export type ResolveHost = (host: string) => Promise<string>;

/**
 * Why the two lists do not name the same addresses, in etcd's words (pkg/netutil, URLStringsEqual); undefined when they do. Names are looked up only
 * where the texts differ. "localhost" is never looked up, as on etcd, so it differs from 127.0.0.1.
 */
export async function differenceOf(
  some: readonly string[],
  others: readonly string[],
  resolve: ResolveHost,
): Promise<string | undefined> {
  const quoted = (urls: readonly string[]): string =>
    `[${urls.map((url) => JSON.stringify(url)).join(" ")}]`;
  if (some.length !== others.length) return `len(${quoted(some)}) != len(${quoted(others)})`;
  if (isSameUrls(some, others)) return undefined;
  let resolved: readonly (readonly [string, string])[];
  try {
    const [left, right] = [await resolveAll(some, resolve), await resolveAll(others, resolve)];
    resolved = left.map((url, at) => [url, right[at] as string]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const different = resolved.find(([left, right]) => left !== right);
  if (different === undefined) return undefined;
  return `resolved urls: ${JSON.stringify(different[0])} != ${JSON.stringify(different[1])}`;
}

/** Sorted, with addresses in place of names. */
async function resolveAll(
  urls: readonly string[],
  resolve: ResolveHost,
): Promise<readonly string[]> {
  const resolved: string[] = [];
  for (const url of urls) resolved.push(await resolveUrl(normalized(url) ?? url, resolve));
  return resolved.sort();
}

async function resolveUrl(url: string, resolve: ResolveHost): Promise<string> {
  const match = /^(https?:\/\/)(?:[^@/]*@)?(\[[^\]]*\]|[^:/?#]*):(\d*)(.*)$/.exec(url);
  if (match === null) return url;
  const [, scheme = "", host = "", port = "", rest = ""] = match;
  if (host === "localhost") return url;
  try {
    const address = await resolve(host.replace(/^\[|\]$/g, ""));
    return `${scheme}${address.includes(":") ? `[${address}]` : address}:${port}${rest}`;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`failed to resolve ${JSON.stringify(url)} (${why})`, { cause });
  }
}
