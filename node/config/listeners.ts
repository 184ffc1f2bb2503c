/** Where the member listens, and what is wrong with it (embed/config.go, checkBindURLs; embed/etcd.go). */
import { listenClashes } from "./listen-clash.ts";
import type { RawOptions } from "./options.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
  /** https. */
  readonly isSecure: boolean;
}

/** By the order in which clashes are told. */
const listenFlags = [
  "listen-peer-urls",
  "listen-client-urls",
  "listen-client-http-urls",
  "listen-metrics-urls",
] as const;

type ListenFlag = (typeof listenFlags)[number];

export type Listeners = Readonly<Record<ListenFlag, readonly Address[]>>;

export function listenersOf(raw: RawOptions): Listeners {
  const addresses = (flag: ListenFlag): readonly Address[] => raw[flag].map(addressOf);
  return {
    "listen-peer-urls": addresses("listen-peer-urls"),
    "listen-client-urls": addresses("listen-client-urls"),
    "listen-client-http-urls": addresses("listen-client-http-urls"),
    "listen-metrics-urls": addresses("listen-metrics-urls"),
  };
}

/** An https URL is served with the certificate of clients. */
export const usesClientTls = (listeners: Listeners): boolean =>
  [
    ...listeners["listen-client-urls"],
    ...listeners["listen-client-http-urls"],
    ...listeners["listen-metrics-urls"],
  ].some(({ isSecure }) => isSecure);

/** `hasPair`: which sides have a certificate to show. */
export function listenProblems(
  raw: RawOptions,
  listeners: Listeners,
  hasPair: Readonly<Record<"client" | "peer", boolean>>,
): string[] {
  return [
    ...listenFlags.flatMap((flag) => raw[flag].flatMap((url) => bindProblem(flag, url))),
    ...listenFlags.flatMap((flag) => {
      const secure = raw[flag].filter((url) => url.startsWith("https:"));
      const isShown = hasPair[flag === "listen-peer-urls" ? "peer" : "client"];
      return isShown ? [] : secure.map((url) => `--${flag}: ${missingPair[flag](url)}`);
    }),
    ...listenClashes(listeners),
  ];
}

/** Listening needs addresses, "localhost" apart: a name could stand for several, or for another machine. */
function bindProblem(flag: ListenFlag, url: string): string[] {
  const host = new URL(url).hostname;
  const isAddress = /^\[.*\]$|^\d+\.\d+\.\d+\.\d+$/.test(host);
  return isAddress || host === "localhost"
    ? []
    : [`--${flag}: expected IP in URL for binding (${url})`];
}

const noClientPair = (url: string): string =>
  `TLS key/cert (--cert-file, --key-file) must be provided for client url ${url} with HTTPS scheme`;

/** etcd's words for https without a certificate. */
const missingPair: Readonly<Record<ListenFlag, (url: string) => string>> = {
  "listen-peer-urls": (url) =>
    `cannot listen on TLS for ${new URL(url).host}: KeyFile and CertFile are not presented (--peer-cert-file, --peer-key-file)`,
  "listen-client-urls": noClientPair,
  "listen-client-http-urls": noClientPair,
  "listen-metrics-urls": (url) =>
    `client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url (${url})`,
};

const schemePorts: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

function addressOf(url: string): Address {
  const { protocol, hostname, port } = new URL(url);
  // Go binds "localhost" to its IPv4 address, which a client that resolves it to both finds too.
  const host = hostname === "localhost" ? "127.0.0.1" : hostname.replace(/^\[|\]$/g, "");
  return {
    host,
    // URL drops the scheme's own port.
    port: port === "" ? (schemePorts[protocol] ?? 0) : Number(port),
    isSecure: protocol === "https:",
  };
}
