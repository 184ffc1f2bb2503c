import assert from "node:assert/strict";
import { test } from "node:test";
import { type Config, checkConfig } from "../../../node/config/config.ts";
import { parseOptions } from "../../../node/config/parse.ts";

function check(...args: readonly string[]) {
  const parsed = parseOptions(["--name=m1", ...args], {});
  assert.ok(parsed.kind === "ok", JSON.stringify(parsed));
  return checkConfig(parsed.values, parsed.given, parsed.notices);
}

function config(...args: readonly string[]): Config {
  const checked = check(...args);
  assert.ok(checked.kind === "ok", JSON.stringify(checked));
  return checked.config;
}

function problems(...args: readonly string[]): readonly string[] {
  const checked = check(...args);
  assert.ok(checked.kind === "problems", JSON.stringify(checked));
  return checked.problems;
}

const client = [
  "--listen-client-urls=https://127.0.0.1:2379",
  "--advertise-client-urls=https://a:2379",
];
const clientPair = ["--cert-file=c.crt", "--key-file=c.key"];
const peerPair = ["--peer-cert-file=p.crt", "--peer-key-file=p.key"];

test("without flags no side has certificates", () => {
  const { clientTls, peerTls, listenClient, listenPeer } = config();
  assert.deepEqual([clientTls, peerTls], [undefined, undefined]);
  assert.ok([...listenClient, ...listenPeer].every(({ isSecure }) => !isSecure));
});

test("https is listened on where the side has a certificate, on etcd's port of the scheme too", () => {
  const settled = config(
    "--listen-client-urls=https://127.0.0.1:443,http://127.0.0.1:80",
    "--advertise-client-urls=https://a:443",
    "--listen-metrics-urls=https://127.0.0.1:1",
    "--listen-client-http-urls=https://127.0.0.1:2",
    "--listen-peer-urls=https://127.0.0.1:3",
    "--initial-advertise-peer-urls=https://a:3",
    ...clientPair,
    ...peerPair,
  );
  assert.deepEqual(settled.listenClient, [
    { host: "127.0.0.1", port: 80, isSecure: false },
    { host: "127.0.0.1", port: 443, isSecure: true },
  ]);
  assert.ok(
    [...settled.listenMetrics, ...settled.listenClientHttp, ...settled.listenPeer].every(
      ({ isSecure }) => isSecure,
    ),
  );
  assert.deepEqual([...settled.initialCluster], [["m1", ["https://a:3"]]]);
  assert.equal(settled.clientTls?.certFile, "c.crt");
  assert.equal(settled.peerTls?.keyFile, "p.key");
});

test("https without a certificate is refused in etcd's words, for each URL", () => {
  assert.deepEqual(
    problems(
      ...client,
      "--listen-client-http-urls=https://127.0.0.1:1",
      "--listen-metrics-urls=https://127.0.0.1:2",
      "--listen-peer-urls=https://127.0.0.1:3",
    ),
    [
      "--listen-peer-urls: cannot listen on TLS for 127.0.0.1:3: KeyFile and CertFile are not presented (--peer-cert-file, --peer-key-file)",
      "--listen-client-urls: TLS key/cert (--cert-file, --key-file) must be provided for client url https://127.0.0.1:2379 with HTTPS scheme",
      "--listen-client-http-urls: TLS key/cert (--cert-file, --key-file) must be provided for client url https://127.0.0.1:1 with HTTPS scheme",
      "--listen-metrics-urls: client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url (https://127.0.0.1:2)",
    ],
  );
});

test("certificates of one side do not stand in for the other's", () => {
  assert.equal(problems(...client, ...peerPair).length, 1);
  assert.equal(problems("--listen-peer-urls=https://127.0.0.1:3", ...clientPair).length, 1);
});

test("certificates do not make http safe: that is warned of, and a client's are not even read", () => {
  const { clientTls, peerTls, notices } = config(
    ...clientPair,
    ...peerPair,
    "--client-cert-auth",
    "--peer-client-cert-auth",
  );
  assert.equal(clientTls, undefined);
  assert.equal(peerTls?.certFile, "p.crt");
  assert.deepEqual(
    notices.map(({ level, message, fields }) => [level, message, Object.entries(fields)[0]]),
    [
      [
        "warn",
        "scheme is http or unix while key and cert files are present; ignoring key and cert files",
        ["client-url", "http://localhost:2379"],
      ],
      [
        "warn",
        "scheme is http or unix while --client-cert-auth is enabled; ignoring client cert auth for this URL",
        ["client-url", "http://localhost:2379"],
      ],
      [
        "warn",
        "scheme is HTTP while key and cert files are present; ignoring key and cert files",
        ["peer-url", "http://localhost:2380"],
      ],
      [
        "warn",
        "scheme is HTTP while --peer-client-cert-auth is enabled; ignoring client cert auth for this URL",
        ["peer-url", "http://localhost:2380"],
      ],
    ],
  );
});

test("a certificate has its key, and a key its certificate", () => {
  assert.deepEqual(problems(...client, "--cert-file=c.crt"), [
    "--cert-file, --key-file: KeyFile and CertFile must both be present[key: , cert: c.crt]",
  ]);
  assert.equal(problems("--peer-key-file=k").length, 1);
  assert.deepEqual(problems("--peer-client-cert-file=o.crt"), [
    "--peer-client-cert-file, --peer-client-key-file: ClientKeyFile and ClientCertFile must both be present or both absent: key: , cert: o.crt]",
  ]);
  assert.equal(problems("--client-key-file=k").length, 1);
});

test("allowed names are of one kind, in both sides", () => {
  assert.deepEqual(
    problems(
      ...peerPair,
      "--peer-client-cert-auth",
      "--peer-cert-allowed-cn=a,b",
      "--peer-cert-allowed-hostname=c",
    ),
    [
      '--peer-cert-allowed-cn, --peer-cert-allowed-hostname: AllowedCNs and AllowedHostnames are mutually exclusive (cns=["a" "b"], hostnames=["c"])',
    ],
  );
  assert.equal(
    problems(
      ...client,
      ...clientPair,
      "--trusted-ca-file=ca",
      "--client-cert-allowed-cn=a",
      "--client-cert-allowed-hostname=b",
    ).length,
    1,
  );
});

test("a rule about certificates needs that certificates are asked for", () => {
  for (const [flag, side] of [
    ["peer-cert-allowed-cn", "peer-"],
    ["peer-cert-allowed-hostname", "peer-"],
    ["peer-crl-file", "peer-"],
    ["client-cert-allowed-cn", ""],
    ["client-cert-allowed-hostname", ""],
    ["client-crl-file", ""],
  ] as const) {
    const pairs = [...client, ...clientPair, ...peerPair];
    const auth = `--${side}client-cert-auth`;
    const ca = `--${side}trusted-ca-file`;
    assert.deepEqual(problems(...pairs, `--${flag}=x`), [
      `--${flag} needs ${auth} or ${ca}: nobody is asked for a certificate without`,
    ]);
    for (const needed of [auth, `${ca}=ca.crt`]) {
      const { clientTls, peerTls } = config(...pairs, `--${flag}=x`, needed);
      const settings = side === "" ? clientTls : peerTls;
      const { allowedCns = [], allowedHostnames = [], crlFile = "" } = settings ?? {};
      assert.deepEqual(
        [...allowedCns, ...allowedHostnames, crlFile].filter((value) => value !== ""),
        ["x"],
        flag,
      );
    }
  }
});

test("certificates that are made at the start serve https", () => {
  const { clientTls, peerTls, selfSignedCertValidityYears } = config(
    ...client,
    "--auto-tls",
    "--listen-peer-urls=https://127.0.0.1:3",
    "--peer-auto-tls",
    "--self-signed-cert-validity=3",
  );
  for (const settings of [clientTls, peerTls]) {
    assert.equal(settings?.isSelfSigned, true);
    assert.equal(settings.certFile, "");
  }
  assert.equal(selfSignedCertValidityYears, 3);
});

test("files win over certificates that are made at the start", () => {
  const { clientTls, peerTls, notices } = config(
    ...client,
    ...clientPair,
    "--auto-tls",
    "--listen-peer-urls=https://127.0.0.1:3",
    ...peerPair,
    "--peer-auto-tls",
  );
  assert.deepEqual([clientTls?.isSelfSigned, peerTls?.isSelfSigned], [false, false]);
  assert.deepEqual(
    notices.map(({ message }) => message),
    ["ignoring client auto TLS since certs given", "ignoring peer auto TLS since certs given"],
  );
});

test("certificates that are made at the start are valid for a year at least", () => {
  assert.deepEqual(problems(...client, "--auto-tls", "--self-signed-cert-validity=0"), [
    "--auto-tls: selfSignedCertValidity is invalid,it should be greater than 0 (--self-signed-cert-validity)",
  ]);
  config("--self-signed-cert-validity=0");
});

test("nobody can be verified with certificates that are made at the start: etcd would not, silently", () => {
  for (const flag of [
    "client-cert-auth",
    "trusted-ca-file=ca",
    "client-crl-file=crl",
    "client-cert-allowed-cn=a",
  ]) {
    assert.deepEqual(problems(...client, "--auto-tls", `--${flag}`), [
      `--${flag.split("=")[0]} has no effect with --auto-tls, whose certificates nobody verifies; give --cert-file and --key-file instead`,
    ]);
  }
  assert.equal(problems("--peer-auto-tls", "--peer-client-cert-auth").length, 1);
});

test("a member may be reached over http, and verify those whom it dials", () => {
  const { peerTls } = config("--peer-trusted-ca-file=ca.crt");
  assert.equal(peerTls?.trustedCaFile, "ca.crt");
  assert.equal(peerTls.certFile, "");
});

test("versions of TLS are a range", () => {
  const versions = (...args: string[]) => {
    const { peerTls } = config(...peerPair, ...args);
    return [peerTls?.minVersion, peerTls?.maxVersion];
  };
  assert.deepEqual(versions(), ["TLSv1.2", undefined]);
  assert.deepEqual(versions("--tls-min-version="), ["TLSv1.2", undefined]);
  assert.deepEqual(versions("--tls-min-version=TLS1.3"), ["TLSv1.3", undefined]);
  assert.deepEqual(versions("--tls-max-version=TLS1.2"), ["TLSv1.2", "TLSv1.2"]);
  assert.deepEqual(problems("--tls-min-version=TLS1.3", "--tls-max-version=TLS1.2"), [
    "min version (TLS1.3) is greater than max version (TLS1.2)",
  ]);
  assert.deepEqual(problems("--tls-min-version=TLS1.1", "--tls-max-version=constructor"), [
    '--tls-min-version: unexpected TLS version "TLS1.1" (must be one of: TLS1.2, TLS1.3)',
    '--tls-max-version: unexpected TLS version "constructor" (must be one of: TLS1.2, TLS1.3)',
  ]);
});

test("cipher suites are those of TLS 1.2", () => {
  const names = ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"];
  const suites = `--cipher-suites=${names.join()}`;
  assert.deepEqual(config(...peerPair, suites).peerTls?.cipherSuites, names);
  assert.deepEqual(parseOptions(["--cipher-suites=TLS_A"], {}), {
    kind: "problems",
    problems: ['--cipher-suites: unexpected TLS cipher suite "TLS_A"'],
  });
  assert.deepEqual(problems(suites, "--tls-min-version=TLS1.3"), [
    "cipher suites cannot be configured when only TLS1.3 is enabled",
  ]);
});

test("HTTP and gRPC of clients have addresses of their own, and so have http and https", () => {
  assert.deepEqual(problems("--listen-client-http-urls=http://127.0.0.1:2379"), [
    "cannot bind both --listen-client-urls and --listen-client-http-urls on the same url http://127.0.0.1:2379",
  ]);
  assert.deepEqual(
    problems(
      "--listen-client-urls=http://127.0.0.1:1,https://127.0.0.1:1",
      "--advertise-client-urls=http://a:1",
      ...clientPair,
    ),
    ["--listen-client-urls: 127.0.0.1:1 cannot have both http and https; give each its own port"],
  );
});
