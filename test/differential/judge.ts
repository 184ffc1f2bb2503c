/**
 * Holds the answers of two servers against each other. Equal means: same code, same text, same messages byte for byte, with two
 * exceptions. 1. The term in a header is a matter of elections. 2. Among equal sort keys any order may come: Go's sort is not stable, ours
 * goes by key; with a limit, which of the last equals are let through is as free.
 */
import { type Message, type Operation } from "./operations.ts";
import { type Answer, decodeAnswer } from "./service.ts";

interface KeyValue {
  readonly key: string;
  readonly [field: string]: unknown;
}

const sortFields = ["key", "version", "create_revision", "mod_revision", "value"];

/** What differs, for people; undefined when nothing does. */
export function difference(operation: Operation, etcd: Answer, ours: Answer): string | undefined {
  if (etcd.code !== ours.code || etcd.text !== ours.text)
    return `etcd ${etcd.code} "${etcd.text}", ours ${ours.code} "${ours.text}"`;
  if (etcd.messages.length !== ours.messages.length)
    return `etcd sent ${etcd.messages.length} messages, ours ${ours.messages.length}`;
  for (const [index, message] of etcd.messages.entries()) {
    const other = ours.messages[index];
    if (other === undefined || message.equals(other)) continue;
    const [expected, actual] = [message, other].map((bytes) =>
      JSON.stringify(comparable(operation, decodeAnswer(operation.method, bytes))),
    );
    if (expected !== actual) return `etcd ${expected}\nours ${actual}`;
  }
  return undefined;
}

function comparable({ method, request }: Operation, answer: Message): Message {
  const { header, ...rest } = answer;
  const fields = Object.entries(header ?? {}).filter(([name]) => name !== "raft_term");
  const isHeaded = header !== undefined ? { header: Object.fromEntries(fields) } : {};
  if (method === "Range") return { ...isHeaded, ...withoutTieOrder(request, rest) };
  if (method === "Txn") return { ...isHeaded, ...comparableTxn(request, rest) };
  return { ...isHeaded, ...rest };
}

function comparableTxn(request: Message, answer: Message): Message {
  const branch = answer["succeeded"] === true ? request["success"] : request["failure"];
  const ops = (branch ?? []) as readonly Message[];
  const responses = ((answer["responses"] ?? []) as readonly Message[]).map((response, index) => {
    const op = ops[index] ?? {};
    if (response["response_range"] !== undefined) {
      const range = response["response_range"] as Message;
      return { response_range: withoutTieOrder(op["request_range"] as Message, range) };
    }
    if (response["response_txn"] !== undefined)
      return {
        response_txn: comparableTxn(
          op["request_txn"] as Message,
          response["response_txn"] as Message,
        ),
      };
    return response;
  });
  return { ...answer, responses };
}

/** Key values within a run of equal sort keys by key; the run that a limit may have cut, by its sort key alone. */
function withoutTieOrder(request: Message, answer: Message): Message {
  const target = Number(request["sort_target"] ?? 0);
  const order = Number(request["sort_order"] ?? 0);
  const field = sortFields[target] ?? "key";
  const found = answer["kvs"] as readonly KeyValue[] | undefined;
  // Keys are unique, and up to twelve Go's sort is stable ascending.
  if (
    found === undefined ||
    target === 0 ||
    (found.length <= 12 && order !== 2 && answer["more"] !== true)
  )
    return answer;
  const runs: KeyValue[][] = [];
  for (const kv of found) {
    const run = runs.at(-1);
    if (run !== undefined && run[0]?.[field] === kv[field]) run.push(kv);
    else runs.push([kv]);
  }
  const isCut = answer["more"] === true;
  const kvs = runs.map((run, index) => {
    if (isCut && index === runs.length - 1) return { field: run[0]?.[field], length: run.length };
    return [...run].sort((a, b) => (a.key < b.key ? -1 : 1));
  });
  return { ...answer, kvs };
}
