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

/** The URLs as etcd keeps them, sorted; undefined when there are none, or one is malformed, has a path, or lacks a port. */
export function parsePeerUrls(texts: readonly string[]): readonly string[] | undefined {
  if (texts.length === 0) return undefined;
  const urls = texts.map(normalized);
  const valid = urls.filter((url) => url !== undefined);
  return valid.length === urls.length ? valid.sort() : undefined;
}

/** Both name the same addresses. Unlike etcd, which then resolves the names, a host and its IP address are different ones. */
export function isSameUrls(some: readonly string[], others: readonly string[]): boolean {
  const sorted = (urls: readonly string[]): string =>
    urls
      .map((url) => normalized(url)?.toLowerCase() ?? url)
      .sort()
      .join("\n");
  return sorted(some) === sorted(others);
}
