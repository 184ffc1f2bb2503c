/** Programs that dial a TLS port, with a certificate or without one, and tell whether they were served. */
import { execFile } from "node:child_process";
import { peer } from "../support/peers.ts";
import { dialTls } from "../support/tls-peer.ts";
import type { LeafFiles } from "./tls-files.ts";

export interface Dial {
  /** host:port. */
  readonly address: string;
  /** Of the server; undefined for whatever it shows. */
  readonly ca?: string;
  /** What is shown; undefined for nothing. */
  readonly leaf?: LeafFiles | undefined;
}

export interface Served {
  readonly isServed: boolean;
  /** What the program has printed, errors too. */
  readonly text: string;
  /** Of the connection, where the program tells it. */
  readonly localPort?: string;
}

export type Program = (dial: Dial) => Promise<Served>;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function run(program: string, args: readonly string[], input = ""): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(program, args, { timeout: 30_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
    // One that ends before it has read everything is no error here.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

/** A put of etcd's client, with what it chooses itself: TLS 1.3 and h2. */
export const etcdctlWithin =
  (timeout: string): Program =>
  async ({ address, ca, leaf }) => {
    const { code, stdout, stderr } = await run(peer("etcdctl"), [
      `--endpoints=https://${address}`,
      ...(ca === undefined ? ["--insecure-skip-tls-verify"] : [`--cacert=${ca}`]),
      ...(leaf === undefined ? [] : [`--cert=${leaf.cert}`, `--key=${leaf.key}`]),
      `--command-timeout=${timeout}`,
      ...["put", "etcdctl", "value"],
    ]);
    return { isServed: code === 0 && stdout === "OK\n", text: stdout + stderr };
  };

/** Gives up before its first connection is tried again. */
export const etcdctl: Program = etcdctlWithin("900ms");

/** GET /version over HTTP/1.1; `more` flags come last. */
export const openssl =
  (version: "tls1_2" | "tls1_3", more: readonly string[] = []): Program =>
  async ({ address, ca, leaf }) => {
    const flags = [
      ...["s_client", "-connect", address, `-${version}`, "-ign_eof", "-alpn", "http/1.1"],
      ...(ca === undefined ? [] : ["-CAfile", ca, "-verify_return_error"]),
      ...(leaf === undefined
        ? []
        : ["-cert", leaf.cert, "-key", leaf.key, "-cert_chain", leaf.cert]),
      ...more,
    ];
    const { stdout, stderr } = await run("openssl", flags, requestOf(address));
    return { isServed: stdout.includes("HTTP/1.1 200 OK"), text: stdout + stderr };
  };

const requestOf = (address: string): string =>
  `GET /version HTTP/1.1\r\nHost: ${address}\r\nConnection: close\r\n\r\n`;

/** GET of a path, /version where it is left out. */
export const curl =
  (version: "1.2" | "1.3", http: "http1.1" | "http2", path = "/version"): Program =>
  async ({ address, ca, leaf }) => {
    const { stdout, stderr } = await run("curl", [
      ...["--silent", "--show-error", "--noproxy", "*", `--${http}`],
      ...[`--tlsv${version}`, "--tls-max", version],
      ...(ca === undefined ? ["--insecure"] : ["--cacert", ca]),
      ...(leaf === undefined ? [] : ["--cert", leaf.cert, "--key", leaf.key]),
      ...["--write-out", "\n%{http_code} %{http_version} %{local_port}"],
      `https://${address}${path}`,
    ]);
    const [status, spoken, localPort = ""] = stdout.slice(stdout.lastIndexOf("\n") + 1).split(" ");
    const isSpoken = spoken === (http === "http2" ? "2" : "1.1");
    return { isServed: status === "200" && isSpoken, text: stdout + stderr, localPort };
  };

/** Go's TLS: a put of etcd's client where h2 is offered, and a GET of /version otherwise. */
export const go =
  (version: "1.2" | "1.3", alpn: readonly string[]): Program =>
  async ({ address, ca, leaf }) => {
    const [answer] = await dialTls({
      address,
      ...(ca === undefined ? { insecure: true } : { ca }),
      ...leaf,
      minVersion: version,
      maxVersion: version,
      alpn,
      call: alpn.includes("h2") ? "put" : "get",
    });
    const protocol = alpn.includes("h2") ? "h2" : alpn.includes("http/1.1") ? "http/1.1" : "";
    const isServed = answer?.accepted === true && answer.protocol === protocol;
    return { isServed, text: JSON.stringify(answer) };
  };
