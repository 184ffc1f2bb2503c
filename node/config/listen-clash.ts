/** Listeners of one process that want the same address: told by the names of their flags, before the system refuses the second one. */

interface Listened {
  readonly flag: string;
  readonly host: string;
  readonly port: number;
}

type Addresses = readonly { readonly host: string; readonly port: number }[];

/** One problem for each pair. Port 0, which the system replaces by a free one, clashes with nothing. */
export function listenClashes(byFlag: Readonly<Record<string, Addresses>>): string[] {
  const all = Object.entries(byFlag).flatMap(([flag, addresses]): Listened[] =>
    addresses.map(({ host, port }) => ({ flag, host, port })),
  );
  return all.flatMap((one, at) =>
    all
      .slice(at + 1)
      .filter((other) => clash(one, other))
      .map(
        (other) =>
          `--${other.flag}: ${textOf(other)} is taken by --${one.flag} (${textOf(one)}); give it another port`,
      ),
  );
}

/** 0.0.0.0 takes the port on every IPv4 address, [::] on every address. */
function clash(one: Listened, other: Listened): boolean {
  if (one.port === 0 || one.port !== other.port) return false;
  const hosts = [one.host, other.host];
  if (one.host === other.host || hosts.includes("::")) return true;
  return hosts.includes("0.0.0.0") && hosts.every((host) => !host.includes(":"));
}

const textOf = ({ host, port }: Listened): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
