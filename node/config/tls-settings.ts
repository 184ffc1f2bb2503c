/** What the flags of TLS mean together, for each of the two sides (embed/config.go and etcd.go; client/pkg/transport, TLSInfo). */
import type { TlsSettings, TlsVersion } from "../tls/settings.ts";
import type { Notice } from "./notice.ts";
import type { OptionName, RawOptions } from "./options.ts";

export interface ReadTls {
  readonly client: TlsSettings | undefined;
  readonly peer: TlsSettings | undefined;
  /** Which sides have, or will have, something to show to those who dial. */
  readonly hasPair: Readonly<Record<"client" | "peer", boolean>>;
  readonly problems: readonly string[];
  readonly notices: readonly Notice[];
}

/** Flags of one side. */
interface Side {
  readonly side: "client" | "peer";
  readonly autoFlag: OptionName;
  readonly authFlag: OptionName;
  readonly caFlag: OptionName;
  readonly certFlag: OptionName;
  readonly keyFlag: OptionName;
  readonly clientCertFlag: OptionName;
  readonly clientKeyFlag: OptionName;
  readonly crlFlag: OptionName;
  readonly cnFlag: OptionName;
  readonly hostnameFlag: OptionName;
}

const clientSide: Side = {
  side: "client",
  autoFlag: "auto-tls",
  authFlag: "client-cert-auth",
  caFlag: "trusted-ca-file",
  certFlag: "cert-file",
  keyFlag: "key-file",
  clientCertFlag: "client-cert-file",
  clientKeyFlag: "client-key-file",
  crlFlag: "client-crl-file",
  cnFlag: "client-cert-allowed-cn",
  hostnameFlag: "client-cert-allowed-hostname",
};

const peerSide: Side = {
  side: "peer",
  autoFlag: "peer-auto-tls",
  authFlag: "peer-client-cert-auth",
  caFlag: "peer-trusted-ca-file",
  certFlag: "peer-cert-file",
  keyFlag: "peer-key-file",
  clientCertFlag: "peer-client-cert-file",
  clientKeyFlag: "peer-client-key-file",
  crlFlag: "peer-crl-file",
  cnFlag: "peer-cert-allowed-cn",
  hostnameFlag: "peer-cert-allowed-hostname",
};

/** `usesClientTls`: an https URL is served with the clients' certificate. Where there is none etcd ignores the certificate, and so it is not read. */
export function readTls(raw: RawOptions, usesClientTls: boolean): ReadTls {
  const versions = readVersions(raw);
  const client = settingsOf(raw, clientSide, versions);
  const peer = settingsOf(raw, peerSide, versions);
  const sides = [
    { settings: client, flags: clientSide },
    { settings: peer, flags: peerSide },
  ];
  return {
    client: usesClientTls && hasPair(client) ? client : undefined,
    peer: hasFiles(peer) || peer.isSelfSigned ? peer : undefined,
    hasPair: { client: hasPair(client), peer: hasPair(peer) },
    problems: [
      ...versions.problems,
      ...sides.flatMap(({ settings, flags }) => sideProblems(settings, flags, raw)),
    ],
    notices: sides.flatMap(({ settings, flags }) => sideNotices(settings, flags, raw)),
  };
}

const hasPair = ({ certFile, keyFile, isSelfSigned }: TlsSettings): boolean =>
  certFile !== "" || keyFile !== "" || isSelfSigned;

/** A member may be served over http, and dial others over https. */
const hasFiles = (settings: TlsSettings): boolean =>
  [settings.certFile, settings.keyFile, settings.trustedCaFile, settings.clientCertFile].some(
    (file) => file !== "",
  );

function settingsOf(raw: RawOptions, flags: Side, versions: Versions): TlsSettings {
  const file = (flag: OptionName): string => {
    const value: unknown = raw[flag];
    return typeof value === "string" ? value : "";
  };
  const [certFile, keyFile] = [file(flags.certFlag), file(flags.keyFlag)];
  return {
    side: flags.side,
    certFile,
    keyFile,
    clientCertFile: file(flags.clientCertFlag),
    clientKeyFile: file(flags.clientKeyFlag),
    trustedCaFile: file(flags.caFlag),
    clientCertAuth: raw[flags.authFlag] === true,
    crlFile: file(flags.crlFlag),
    allowedCns: listOf(raw, flags.cnFlag),
    allowedHostnames: listOf(raw, flags.hostnameFlag),
    skipsClientSanVerification: flags.side === "peer" && raw["peer-skip-client-san-verification"],
    cipherSuites: raw["cipher-suites"],
    minVersion: versions.min,
    maxVersion: versions.max,
    // Files win.
    isSelfSigned: raw[flags.autoFlag] === true && certFile === "" && keyFile === "",
  };
}

function listOf(raw: RawOptions, flag: OptionName): readonly string[] {
  const value: unknown = raw[flag];
  return Array.isArray(value) ? value.map(String) : [];
}

/** As Go prints a list with %q. */
const quoted = (list: readonly string[]): string =>
  `[${list.map((each) => JSON.stringify(each)).join(" ")}]`;

function sideProblems(settings: TlsSettings, flags: Side, raw: RawOptions): string[] {
  const { certFile, keyFile, clientCertFile, clientKeyFile } = settings;
  const { allowedCns, allowedHostnames } = settings;
  const problems: string[] = [];
  if ((certFile === "") !== (keyFile === "")) {
    problems.push(
      `--${flags.certFlag}, --${flags.keyFlag}: KeyFile and CertFile must both be present[key: ${keyFile}, cert: ${certFile}]`,
    );
  }
  if ((clientCertFile === "") !== (clientKeyFile === "")) {
    problems.push(
      `--${flags.clientCertFlag}, --${flags.clientKeyFlag}: ClientKeyFile and ClientCertFile must both be present or both absent: key: ${clientKeyFile}, cert: ${clientCertFile}]`,
    );
  }
  if (allowedCns.length > 0 && allowedHostnames.length > 0) {
    problems.push(
      `--${flags.cnFlag}, --${flags.hostnameFlag}: AllowedCNs and AllowedHostnames are mutually exclusive (cns=${quoted(allowedCns)}, hostnames=${quoted(allowedHostnames)})`,
    );
  }
  return [...problems, ...authProblems(settings, flags, raw)];
}

/** Rules that hold for no connection, because nobody is asked for a certificate. Etcd starts with them, and lets everybody in. */
function authProblems(settings: TlsSettings, flags: Side, raw: RawOptions): string[] {
  const { allowedCns, allowedHostnames, crlFile, trustedCaFile, clientCertAuth } = settings;
  const rules = [
    ...(allowedCns.length > 0 ? [flags.cnFlag] : []),
    ...(allowedHostnames.length > 0 ? [flags.hostnameFlag] : []),
    ...(crlFile === "" ? [] : [flags.crlFlag]),
  ];
  const auth = [
    ...(clientCertAuth ? [flags.authFlag] : []),
    ...(trustedCaFile === "" ? [] : [flags.caFlag]),
  ];
  if (!settings.isSelfSigned) {
    return auth.length > 0
      ? []
      : rules.map(
          (flag) =>
            `--${flag} needs --${flags.authFlag} or --${flags.caFlag}: nobody is asked for a certificate without`,
        );
  }
  const validity =
    raw["self-signed-cert-validity"] > 0
      ? []
      : [
          `--${flags.autoFlag}: selfSignedCertValidity is invalid,it should be greater than 0 (--self-signed-cert-validity)`,
        ];
  return [
    ...validity,
    ...[...auth, ...rules].map(
      (flag) =>
        `--${flag} has no effect with --${flags.autoFlag}, whose certificates nobody verifies; give --${flags.certFlag} and --${flags.keyFlag} instead`,
    ),
  ];
}

function sideNotices(settings: TlsSettings, flags: Side, raw: RawOptions): Notice[] {
  const { side, isSelfSigned } = settings;
  const isIgnored = raw[flags.autoFlag] === true && !isSelfSigned;
  return [
    ...(isIgnored ? [warning(`ignoring ${side} auto TLS since certs given`, {})] : []),
    ...(side === "client" ? clientHttpNotices(raw, settings) : peerHttpNotices(raw, settings)),
  ];
}

/** Certificates do not make http safe. */
function clientHttpNotices(raw: RawOptions, settings: TlsSettings): Notice[] {
  const urls = [...raw["listen-client-urls"], ...raw["listen-client-http-urls"]];
  return urls
    .filter(isHttp)
    .flatMap((url) => [
      ...(hasPair(settings)
        ? [
            warning(
              "scheme is http or unix while key and cert files are present; ignoring key and cert files",
              { "client-url": url },
            ),
          ]
        : []),
      ...(settings.clientCertAuth
        ? [
            warning(
              "scheme is http or unix while --client-cert-auth is enabled; ignoring client cert auth for this URL",
              { "client-url": url },
            ),
          ]
        : []),
    ]);
}

function peerHttpNotices(raw: RawOptions, settings: TlsSettings): Notice[] {
  return raw["listen-peer-urls"]
    .filter(isHttp)
    .flatMap((url) => [
      ...(hasPair(settings)
        ? [
            warning(
              "scheme is HTTP while key and cert files are present; ignoring key and cert files",
              { "peer-url": url },
            ),
          ]
        : []),
      ...(settings.clientCertAuth
        ? [
            warning(
              "scheme is HTTP while --peer-client-cert-auth is enabled; ignoring client cert auth for this URL",
              { "peer-url": url },
            ),
          ]
        : []),
    ]);
}

const isHttp = (url: string): boolean => url.startsWith("http:");

const warning = (message: string, fields: Notice["fields"]): Notice => ({
  level: "warn",
  message,
  fields,
});

interface Versions {
  readonly min: TlsVersion;
  readonly max: TlsVersion | undefined;
  readonly problems: readonly string[];
}

const versionNames: Readonly<Record<string, TlsVersion>> = {
  "TLS1.2": "TLSv1.2",
  "TLS1.3": "TLSv1.3",
};

/** No name stands for the oldest, or newest, that there is. */
function readVersions(raw: RawOptions): Versions {
  const problems: string[] = [];
  const versionOf = (flag: "tls-min-version" | "tls-max-version"): TlsVersion | undefined => {
    const name = raw[flag];
    const version = Object.hasOwn(versionNames, name) ? versionNames[name] : undefined;
    if (name !== "" && version === undefined) {
      problems.push(
        `--${flag}: unexpected TLS version ${JSON.stringify(name)} (must be one of: TLS1.2, TLS1.3)`,
      );
    }
    return version;
  };
  const min = versionOf("tls-min-version") ?? "TLSv1.2";
  const max = versionOf("tls-max-version");
  if (min === "TLSv1.3" && max === "TLSv1.2") {
    problems.push("min version (TLS1.3) is greater than max version (TLS1.2)");
  }
  if (min === "TLSv1.3" && raw["cipher-suites"].length > 0) {
    problems.push("cipher suites cannot be configured when only TLS1.3 is enabled");
  }
  return { min, max, problems };
}
