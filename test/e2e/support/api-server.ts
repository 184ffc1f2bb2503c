/**
 * A real kube-apiserver for tests: on loopback ports, with an etcd of its own behind it, or the cluster that it is given, and certificates
 * made on the spot. No kubelet, no controller, no scheduler: what is written stays as it was written.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { HttpTransport } from "../../../operator/kernel/http-transport.ts";
import { accessFromKubeConfig } from "../../../operator/kernel/kube-config.ts";
import { stablePort } from "../../cluster/stable-port.ts";
import { peer } from "../../support/peers.ts";

export interface ApiServerOptions {
  /** Client URLs of a store that runs already; where they are left out, an etcd is started that belongs to the API server. */
  readonly etcdUrls?: readonly string[];
  /** Behind those that are always given. */
  readonly flags?: readonly string[];
}

export interface ApiServer {
  /** Path of a kubeconfig file of a member of system:masters. */
  readonly kubeconfig: string;
  /** "https://127.0.0.1:port". */
  readonly url: string;
  /** Client URL of the etcd behind it, without TLS; of several, the first one. */
  readonly etcdUrl: string;
  /** What it logs, in all its starts. */
  readonly logFile: string;
  /** Ends the API server by SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, at other URLs of the store where they are given; resolves when /readyz says so. */
  startAgain(etcdUrls?: readonly string[]): Promise<void>;
  /** Ends the programs and removes their files. */
  stop(): Promise<void>;
}

/** Starting takes seconds; on a busy machine, minutes. */
const startDeadlineMs = 180_000;

/** Resolves when /readyz says so. Throws with the end of the programs' output when they do not get there. */
export async function startApiServer({
  etcdUrls,
  flags = [],
}: ApiServerOptions = {}): Promise<ApiServer> {
  const dir = mkdtempSync(join(tmpdir(), "etcd-ts-api-server-"));
  const port = await stablePort();
  const url = `https://127.0.0.1:${port}`;
  makeCertificates(dir);
  const own = etcdUrls === undefined ? await startEtcd(dir) : undefined;
  const storeUrls = etcdUrls ?? (own === undefined ? [] : [own.url]);
  let children = own === undefined ? [] : [own.child];
  const kubeconfig = join(dir, "kubeconfig");
  writeFileSync(kubeconfig, kubeConfigOf(dir, url), { mode: 0o600 });
  const stop = async (): Promise<void> => {
    for (const child of children.toReversed()) await end(child);
    rmSync(dir, { recursive: true, force: true });
  };
  const startAgain = async (urls = storeUrls): Promise<void> => {
    children.push(startKubeApiServer(dir, port, [`--etcd-servers=${urls.join(",")}`, ...flags]));
    await untilReady(kubeconfig, children);
  };
  const kill = async (): Promise<void> => {
    const child = children.at(-1);
    if (child === undefined) return;
    await end(child, "SIGKILL");
    children = children.slice(0, -1);
  };
  try {
    await startAgain();
  } catch (error) {
    const tail = ["etcd.log", "kube-apiserver.log"].map((file) => tailOf(join(dir, file)));
    await stop();
    throw new Error(`the API server did not start:\n${tail.join("\n")}`, { cause: error });
  }
  const logFile = join(dir, "kube-apiserver.log");
  return { kubeconfig, url, etcdUrl: storeUrls[0] ?? "", logFile, kill, startAgain, stop };
}

async function startEtcd(dir: string): Promise<{ url: string; child: ChildProcess }> {
  const url = `http://127.0.0.1:${await stablePort()}`;
  const peerUrl = `http://127.0.0.1:${await stablePort()}`;
  const child = start(dir, "etcd", [
    `--data-dir=${join(dir, "etcd")}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    "--unsafe-no-fsync",
  ]);
  return { url, child };
}

function startKubeApiServer(dir: string, port: number, flags: readonly string[]): ChildProcess {
  return start(dir, "kube-apiserver", [
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    // Nobody comes this way; without it the machine would need a default route.
    "--advertise-address=10.96.0.1",
    "--endpoint-reconciler-type=none",
    "--service-cluster-ip-range=10.96.0.0/16",
    `--cert-dir=${dir}`,
    `--tls-cert-file=${join(dir, "server.crt")}`,
    `--tls-private-key-file=${join(dir, "server.key")}`,
    `--client-ca-file=${join(dir, "ca.crt")}`,
    "--authorization-mode=RBAC",
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${join(dir, "server.crt")}`,
    `--service-account-signing-key-file=${join(dir, "server.key")}`,
    // No controller makes the service accounts that it asks for.
    "--disable-admission-plugins=ServiceAccount",
    ...flags,
  ]);
}

function start(dir: string, program: string, args: readonly string[]): ChildProcess {
  const log = openSync(join(dir, `${program}.log`), "a");
  const child = spawn(programPath(program), args, { cwd: dir, stdio: ["ignore", log, log] });
  closeSync(log);
  return child;
}

/** Where test/peers/install.sh puts programs, or else on the PATH. */
function programPath(program: string): string {
  const cache = process.env["ETCD_TS_CACHE"] ?? join(homedir(), ".cache/etcd-ts");
  const built = join(cache, "peers/bin", program);
  return existsSync(built) ? built : peer(program);
}

function makeCertificates(dir: string): void {
  const openssl = (...args: readonly string[]): void => {
    execFileSync(peer("openssl"), args, { cwd: dir, stdio: ["ignore", "ignore", "pipe"] });
  };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"];
  const make = (name: string, subject: string, ...extensions: readonly string[]): void => {
    const added = extensions.flatMap((extension) => ["-addext", extension]);
    const signer = name === "ca" ? [] : ["-CA", "ca.crt", "-CAkey", "ca.key"];
    const files = ["-keyout", `${name}.key`, "-out", `${name}.crt`];
    openssl("req", "-x509", ...key, "-subj", subject, ...signer, ...files, ...added);
  };
  make("ca", "/CN=etcd-ts test CA");
  const names = "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc";
  make("server", "/CN=kube-apiserver", names, "extendedKeyUsage=serverAuth");
  make("admin", "/O=system:masters/CN=admin", "extendedKeyUsage=clientAuth");
}

function kubeConfigOf(dir: string, server: string): string {
  const data = (file: string): string => readFileSync(join(dir, file)).toString("base64");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server, "certificate-authority-data": data("ca.crt") } }],
    users: [
      {
        name: "admin",
        user: {
          "client-certificate-data": data("admin.crt"),
          "client-key-data": data("admin.key"),
        },
      },
    ],
    contexts: [{ name: "test", context: { cluster: "test", user: "admin" } }],
    "current-context": "test",
  };
  // JSON is YAML.
  return JSON.stringify(config);
}

async function untilReady(kubeconfig: string, children: readonly ChildProcess[]): Promise<void> {
  const transport = new HttpTransport(accessFromKubeConfig({ file: kubeconfig }));
  const signal = AbortSignal.timeout(startDeadlineMs);
  try {
    for (;;) {
      const ended = children.find(
        ({ exitCode, signalCode }) => exitCode !== null || signalCode !== null,
      );
      if (ended !== undefined) throw new Error(`${ended.spawnfile} has ended`);
      const path = "/readyz";
      const answer = await transport
        .send({ method: "GET", path, headers: {}, signal })
        .catch(() => undefined);
      if (answer?.status === 200) return;
      signal.throwIfAborted();
      await delay(200);
    }
  } finally {
    transport.close();
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
  await ended;
  clearTimeout(timer);
}

function tailOf(file: string): string {
  try {
    return readFileSync(file, "utf8").slice(-3_000);
  } catch {
    return "";
  }
}
