/**
 * The cluster's keys and certificates, made by openssl: one authority, the API server's certificate, a client certificate
 * for everyone who talks to it, and the key that service-account tokens are signed with. Made once, then kept.
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { run } from "../support/run.ts";
import {
  clusterDomain,
  controlPlaneAddress,
  inState,
  kubernetesServiceAddress,
  nodes,
} from "./layout.ts";

const dir = inState("pki");
const days = "3650";
const ellipticKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Path of a file of the key store: ca.crt, apiserver.key, service-account.pub, ... */
export const pkiFile = (name: string): string => inState("pki", name);

/** File name ▸ the subject by which the API server knows the client; O is a group, CN the user. */
const clients: Readonly<Record<string, string>> = {
  admin: "/O=system:masters/CN=admin",
  "apiserver-kubelet-client": "/CN=kube-apiserver-kubelet-client",
  "controller-manager": "/CN=system:kube-controller-manager",
  scheduler: "/CN=system:kube-scheduler",
  "kube-proxy": "/CN=system:kube-proxy",
  coredns: "/CN=coredns",
  "local-path-provisioner": "/CN=local-path-provisioner",
  ...Object.fromEntries(nodes.map(({ name }) => [name, `/O=system:nodes/CN=system:node:${name}`])),
};

/** Makes what is missing. */
export async function makeKeys(): Promise<void> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (!existsSync(pkiFile("ca.crt"))) await makeAuthority();
  if (!existsSync(pkiFile("service-account.pub"))) await makeServiceAccountKey();
  const names = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    `kubernetes.default.svc.${clusterDomain}`,
    "localhost",
  ].map((name) => `DNS:${name}`);
  const addresses = [controlPlaneAddress, kubernetesServiceAddress, "127.0.0.1"].map(
    (address) => `IP:${address}`,
  );
  await makeCertificate("apiserver", "/CN=kube-apiserver", [
    `subjectAltName=${[...names, ...addresses].join(",")}`,
    "extendedKeyUsage=serverAuth",
  ]);
  for (const [name, subject] of Object.entries(clients))
    await makeCertificate(name, subject, ["extendedKeyUsage=clientAuth"]);
}

/** The file's content in base64, as kubeconfig files hold it. */
export function pkiData(name: string): string {
  return readFileSync(pkiFile(name)).toString("base64");
}

async function makeAuthority(): Promise<void> {
  const files = ["-keyout", pkiFile("ca.key"), "-out", pkiFile("ca.crt")];
  const uses = ["-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"];
  const subject = ["-subj", "/CN=etcd-ts-e2e", "-days", days];
  await run(["openssl", "req", "-x509", ...ellipticKey, ...subject, ...uses, ...files]);
}

async function makeServiceAccountKey(): Promise<void> {
  const key = pkiFile("service-account.key");
  const curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  await run(["openssl", "genpkey", ...curve, "-out", key]);
  await run(["openssl", "pkey", "-in", key, "-pubout", "-out", pkiFile("service-account.pub")]);
}

async function makeCertificate(
  name: string,
  subject: string,
  extensions: readonly string[],
): Promise<void> {
  if (existsSync(pkiFile(`${name}.crt`))) return;
  const issuer = ["-CA", pkiFile("ca.crt"), "-CAkey", pkiFile("ca.key"), "-days", days];
  const files = ["-keyout", pkiFile(`${name}.key`), "-out", pkiFile(`${name}.crt`)];
  const uses = [
    "basicConstraints=critical,CA:FALSE",
    "keyUsage=critical,digitalSignature",
    ...extensions,
  ].flatMap((extension) => ["-addext", extension]);
  await run([
    "openssl",
    "req",
    "-x509",
    ...ellipticKey,
    ...issuer,
    "-subj",
    subject,
    ...uses,
    ...files,
  ]);
}
