/** Rows of a table of TLS: who dials, and why it is refused. */
import assert from "node:assert/strict";
import type { TestLeaf } from "../support/pki.ts";
import { leafFiles } from "./tls-files.ts";
import type { LogLine, TlsMember } from "./tls-member.ts";
import type { Program } from "./tls-programs.ts";

export interface Row {
  readonly title: string;
  /** Undefined: no certificate is shown. */
  readonly leaf?: TestLeaf | undefined;
  /** What the log says of a refused connection; undefined for one that is served. */
  readonly refused?: string | RegExp;
}

export interface Port {
  readonly member: TlsMember;
  readonly address: string;
  readonly endpoint: "client" | "peer";
  /** By which its certificate is verified. */
  readonly ca: string;
}

const matches = (error: string | undefined, expected: string | RegExp): boolean =>
  typeof expected === "string" ? error === expected : expected.test(error ?? "");

/**
 * All programs dial with the row's certificate: each is served, or each is refused and told of in the log with the cause and its address. The programs that know
 * their port are found there by it.
 */
export async function checkRow(
  { member, address, endpoint, ca }: Port,
  row: Row,
  {
    programs,
    directory,
  }: { readonly programs: Readonly<Record<string, Program>>; readonly directory: string },
): Promise<void> {
  const { title, leaf, refused } = row;
  const name = title.replaceAll(/\W+/g, "-");
  const files = leaf === undefined ? undefined : leafFiles(directory, name, leaf);
  const mark = member.mark();
  const dials = Object.entries(programs).map(async ([program, dial]) => {
    const served = await dial({ address, ca, leaf: files });
    return { program, ...served };
  });
  const answers = await Promise.all(dials);
  const wrong = answers.filter(({ isServed }) => isServed !== (refused === undefined));
  assert.deepEqual(wrong, [], `${title}: ${refused === undefined ? "" : "not "}to be served`);
  if (refused === undefined) {
    assert.deepEqual(rejected(member.lines(mark), endpoint), [], title);
    return;
  }
  const lines = await member.rejections(mark, endpoint, answers.length);
  const others = lines.filter(({ error }) => !matches(error, refused));
  assert.deepEqual(others, [], `${title}: every cause is ${String(refused)}`);
  const addresses = lines.map((line) => line["remote-addr"]);
  for (const at of addresses) assert.match(at ?? "", /^127\.0\.0\.1:\d+$/, title);
  for (const { program, localPort } of answers) {
    if (localPort === undefined) continue;
    assert(addresses.includes(`127.0.0.1:${localPort}`), `${title}: ${program} by its address`);
  }
}

function rejected(lines: readonly LogLine[], endpoint: string): LogLine[] {
  return lines.filter(({ msg }) => msg === `rejected connection on ${endpoint} endpoint`);
}
