/** The certificates of the rows over mutual TLS: made once for a run, and the same files for both contenders and the load generator. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makePki } from "../support/pki.ts";
import type { ServerTls } from "../support/server-process.ts";

let made: ServerTls | undefined;

/** Members show one pair to clients and to each other; clients have their own. Removed when the process ends. */
export function certificates(): ServerTls {
  if (made === undefined) {
    const directory = mkdtempSync(join(tmpdir(), "etcd-ts-bench-tls-"));
    process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
    const { ca, serverCert, serverKey, clientCert, clientKey } = makePki(directory).files;
    made = { ca, cert: serverCert, key: serverKey, clientCert, clientKey };
  }
  return made;
}

/** For the load generator and etcdctl, which name these flags alike; none without TLS. */
export function tlsClientFlags(tls: ServerTls | undefined): string[] {
  if (tls === undefined) return [];
  const { ca, cert, key, clientCert = cert, clientKey = key } = tls;
  return [`--cacert=${ca}`, `--cert=${clientCert}`, `--key=${clientKey}`];
}
