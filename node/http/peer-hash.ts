/**
 * GET /members/hashkv, by which members compare their stores: a JSON body asks, as no other GET of etcd's does (etcdserver/corrupt.go,
 * hashKVHandler; statuses and texts are etcd's).
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { toText } from "../lib/bytes.ts";
import { jsonAnswer, plainError } from "../lib/http-answers.ts";
import { idToHex } from "../lib/units.ts";
import { statusOf } from "../rpc/errors.ts";
import type { Member } from "../server/member.ts";
import { type HashedKv, type HashedMember, hashKvAt } from "../server/store-hash.ts";

/** A request is some twenty bytes. */
const bodyBytesMax = 64 * 1024;

export function answerHashKv(
  member: HashedMember & Pick<Member, "clusterId">,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const clusterId = idToHex(member.clusterId);
  const named = request.headers["x-etcd-cluster-id"] ?? "";
  if (named !== "" && named !== clusterId) {
    plainError(response, 412, "cluster ID mismatch");
    return;
  }
  answer(member, request, response, clusterId).catch((error: unknown) => {
    plainError(response, 500, error instanceof Error ? error.message : String(error));
  });
}

async function answer(
  member: HashedMember,
  request: IncomingMessage,
  response: ServerResponse,
  clusterId: string,
): Promise<void> {
  const body = await bodyOf(request);
  if (body === undefined) {
    plainError(response, 400, "error reading body");
    return;
  }
  const revision = revisionIn(body);
  if (revision === undefined) {
    plainError(response, 400, "error unmarshalling request");
    return;
  }
  const hashed = await hashKvAt(member, revision);
  if (hashed.kind === "refused") {
    plainError(response, 400, textOf[hashed.error] ?? statusOf[hashed.error].text);
    return;
  }
  response.setHeader("X-Etcd-Cluster-ID", clusterId);
  jsonAnswer(response, jsonOf(hashed.result));
}

/** Whoever asks looks for these: the store's own words, without what gRPC puts before them. */
const textOf: Readonly<Record<string, string>> = {
  Compacted: "mvcc: required revision has been compacted",
  FutureRev: "mvcc: required revision is a future revision",
};

/** Undefined when it is too long, or breaks off. */
async function bodyOf(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes > bodyBytesMax) return undefined;
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks);
}

/** As Go reads `{"revision": N}`: names in any case, nothing there stands for 0. Undefined where it would refuse. */
function revisionIn(body: Uint8Array): bigint | undefined {
  const fields = parsed(body);
  if (fields === null) return 0n;
  if (typeof fields !== "object" || Array.isArray(fields)) return undefined;
  let revision = 0n;
  for (const [name, value] of Object.entries(fields)) {
    if (name.toLowerCase() !== "revision" || value === null) continue;
    if (typeof value !== "bigint" || BigInt.asIntN(64, value) !== value) return undefined;
    revision = value;
  }
  return revision;
}

/** Whole numbers as bigints, which keep all 64 bits; undefined where it is no JSON. */
function parsed(body: Uint8Array): unknown {
  const wholeNumbers = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === "number" && /^-?\d+$/.test(context?.source ?? "")
      ? BigInt(context?.source ?? "")
      : value;
  try {
    return JSON.parse(toText(body), wholeNumbers);
  } catch {
    return undefined;
  }
}

/** etcd's HashKVResponse as Go's encoding/json has it: fields that are zero are left out. */
function jsonOf({ revision, hash, compactRevision, hashRevision }: HashedKv): string {
  const fields = [
    `"header":{"revision":${revision}}`,
    ...(hash === 0 ? [] : [`"hash":${hash}`]),
    ...(compactRevision === 0 ? [] : [`"compact_revision":${compactRevision}`]),
    ...(hashRevision === 0n ? [] : [`"hash_revision":${hashRevision}`]),
  ];
  return `{${fields.join(",")}}`;
}
