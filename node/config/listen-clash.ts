/** Listeners of one process that want the same address: told by the names of their flags, before the system refuses the second one. */

interface Address {
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
}

interface Listened extends Address {
  readonly flag: string;
}

/** One problem for each pair. Port 0, which the system replaces by a free one, clashes with nothing. */
export function listenClashes(byFlag: Readonly<Record<string, readonly Address[]>>): string[] {
  const all = Object.entries(byFlag).flatMap(([flag, addresses]): Listened[] =>
    addresses.map((address) => ({ flag, ...address })),
  );
  return all.flatMap((one, at) =>
    all
      .slice(at + 1)
      .filter((other) => clash(one, other))
      .map((other) => problemOf(one, other)),
  );
}

/** 0.0.0.0 takes the port on every IPv4 address, [::] on every address. */
function clash(one: Listened, other: Listened): boolean {
  if (one.port === 0 || one.port !== other.port) return false;
  const hosts = [one.host, other.host];
  if (one.host === other.host || hosts.includes("::")) return true;
  return hosts.includes("0.0.0.0") && hosts.every((host) => !host.includes(":"));
}

function problemOf(one: Listened, other: Listened): string {
  if (one.flag === "listen-client-urls" && other.flag === "listen-client-http-urls") {
    return `cannot bind both --listen-client-urls and --listen-client-http-urls on the same url ${urlOf(other)}`;
  }
  // On etcd one listener of clients speaks both, told apart by the first bytes.
  if (one.flag === other.flag && one.isSecure !== other.isSecure) {
    return `--${one.flag}: ${textOf(one)} cannot have both http and https; give each its own port`;
  }
  return `--${other.flag}: ${textOf(other)} is taken by --${one.flag} (${textOf(one)}); give it another port`;
}

const textOf = ({ host, port }: Listened): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

const urlOf = (listened: Listened): string =>
  `${listened.isSecure ? "https" : "http"}://${textOf(listened)}`;
