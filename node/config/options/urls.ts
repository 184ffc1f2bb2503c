/** URLs of members and of their clients, and the origins and hosts of browsers, as etcd's flags take them. */
import { peerUrlProblem } from "../../membership/peer-urls.ts";
import type { Option, Parse } from "./option.ts";

/** What is wrong with a URL that has no host. */
type EmptyHost = (url: string) => string;

/** Of a URL that is listened on (embed, checkBindURLs). */
const unbindable: EmptyHost = (url) => `expected IP in URL for binding (${url})`;

/** A list of URLs with a host and a port and no path; sorted and each once, as etcd has them. */
const urls =
  (emptyHost: EmptyHost): Parse<readonly string[]> =>
  (value) =>
    [...new Set(value.split(",").map((url) => checkedUrl(url.trim(), emptyHost)))].sort();

function checkedUrl(value: string, emptyHost: EmptyHost): string {
  const scheme = /^([a-z]+):/i.exec(value)?.[1]?.toLowerCase();
  if (scheme === "unix" || scheme === "unixs") {
    throw new Error(
      `"${value}": sockets in the file system are not served; expected http or https as the scheme`,
    );
  }
  if (/^https?:\/\/:\d*\/?$/i.test(value)) throw new Error(emptyHost(value));
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw new Error(`"${value}" is no URL; expected for example http://127.0.0.1:2379`);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new Error(`"${value}": expected http or https as the scheme`);
  }
  if (!/:\d+$/.test(value.replace(/\/$/, ""))) throw new Error(`"${value}" has no port`);
  if (url.pathname !== "/" || url.search !== "") throw new Error(`"${value}" must not have a path`);
  return url.protocol + value.replace(/\/$/, "").slice(url.protocol.length);
}

/** URLs that the member listens on. `default` empty: none may be given. */
export const listenUrls = (
  fallback: readonly string[],
  help: string,
): Option<readonly string[]> => ({
  default: fallback,
  parse: (value) => (value === "" && fallback.length === 0 ? [] : urls(unbindable)(value)),
  placeholder: "URLS",
  help,
});

/** URLs that others are told. `emptyHost` is etcd's text for this flag. */
export const advertisedUrls = (fields: {
  readonly default: string;
  readonly help: string;
  readonly emptyHost: EmptyHost;
}): Option<readonly string[]> => ({
  default: [fields.default],
  parse: urls(fields.emptyHost),
  placeholder: "URLS",
  help: fields.help,
});

/** Of --cors: "*", or origins in the form of URLs with a port, which etcd wants there too. Empty stands for "*", as etcd's help has it. */
export const origins: Parse<readonly string[]> = (value) => {
  if (value === "" || value === "*") return ["*"];
  const each = [...new Set(value.split(",").map((origin) => origin.trim()))];
  const problem = each.map(peerUrlProblem).find((found) => found !== undefined);
  if (problem !== undefined) throw new Error(problem);
  return each.sort();
};

/** Of --host-whitelist: names of hosts. Empty stands for "*", as etcd's help has it. */
export const hosts: Parse<readonly string[]> = (value) => {
  const each = [...new Set(value.split(",").filter((host) => host !== ""))].sort();
  return each.length === 0 ? ["*"] : each;
};
