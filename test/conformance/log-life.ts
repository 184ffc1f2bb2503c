/** A short life of a real etcd and of our server with the same requests, and what each of them has logged. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { peer } from "../support/peers.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { ServerPair } from "./pair.ts";

const run = promisify(execFile);

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly logger?: string;
  readonly [field: string]: unknown;
}

export interface Lives {
  readonly etcd: readonly LogLine[];
  readonly ours: readonly LogLine[];
  readonly oursText: string;
}

/** What stands in requests, and must not stand in a log. */
export const values = {
  put: "s3cret-value-of-put",
  txn: "s3cret-value-of-txn",
  compared: "s3cret-value-compared",
  password: "s3cret-password",
} as const;

const txn = `value("compared") = "${values.compared}"\n\nput k ${values.txn}\n\nput k2 ${values.txn}\n\n`;

async function live({ address }: ServerProcess): Promise<void> {
  const etcdctl = async (...args: readonly string[]): Promise<string> =>
    (await run(peer("etcdctl"), ["--endpoints", address, ...args])).stdout;
  for (let n = 0; n < 25; n++) await etcdctl("put", `key${n % 5}`, values.put);
  const typed = execFile(peer("etcdctl"), ["--endpoints", address, "txn"]);
  typed.stdin?.end(txn);
  await new Promise((resolve) => typed.once("close", resolve));
  await etcdctl("get", "key", "--prefix");
  // Authentication is not served by all; the password is in the request in any case.
  await etcdctl("user", "add", `bob:${values.password}`).catch(() => undefined);
  const lease = (await etcdctl("lease", "grant", "60")).split(" ")[1] ?? "";
  await etcdctl("put", "leased", values.put, `--lease=${lease}`);
  await etcdctl("lease", "revoke", lease);
  await etcdctl("compaction", "10");
  await etcdctl("defrag");
  const added = await etcdctl(
    "member",
    "add",
    "other",
    "--learner",
    "--peer-urls=http://127.0.0.1:1",
  );
  const id = /^Member ([0-9a-f]+)/.exec(added)?.[1] ?? "";
  await etcdctl("member", "update", id, "--peer-urls=http://127.0.0.1:2");
  await etcdctl("member", "remove", id);
}

/** Both live, and end in order. */
export async function livesOf(flags: readonly string[]): Promise<Lives> {
  const pair = await ServerPair.start(flags);
  try {
    await Promise.all([live(pair.etcd), live(pair.ours)]);
    await Promise.all([pair.etcd.stop(), pair.ours.stop()]);
    const oursText = pair.ours.logTail(Infinity);
    return { etcd: parse(pair.etcd.logTail(Infinity)), ours: parse(oursText), oursText };
  } finally {
    await pair.stop();
  }
}

const parse = (text: string): LogLine[] => text.split("\n").map((line) => JSON.parse(line));

/** A message without what varies in it: ids and numbers, of which raft's texts are full. */
export const shapeOf = ({ msg }: LogLine): string =>
  msg
    .replace(/\b[0-9a-f]{12,16}\b/g, "ID")
    .replace(/\b\d+\b/g, "N")
    .replace(/\(.*\)|\[.*\]/g, "…");
