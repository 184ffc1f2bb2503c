/** From a call's bytes to a decoded request. Malformed bytes answer the call. */
import type { UnaryCall } from "../grpc/unary-call.ts";
import { decodeTxnRequest, type TxnRequest } from "../proto/txn-request.ts";
import { WireError } from "../proto/wire.ts";
import { failMalformed } from "./errors.ts";

interface Decodable {
  decode(bytes: Uint8Array, start: number, end: number): void;
}

type Failing = Pick<UnaryCall, "fail">;

/** False when the bytes are malformed: the call is answered then. */
export function decoded(
  call: Failing,
  view: Decodable,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  try {
    view.decode(bytes, start, end);
    return true;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    failMalformed(call);
    return false;
  }
}

export function decodedTxn(
  call: Failing,
  bytes: Uint8Array,
  start: number,
  end: number,
): TxnRequest | undefined {
  try {
    return decodeTxnRequest(bytes, start, end);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    failMalformed(call);
    return undefined;
  }
}

/** A message of the generated codecs; undefined when the call was answered because the bytes are malformed. */
export function decodedMessage<Message>(
  call: Failing,
  type: { decode(bytes: Uint8Array): Message },
  bytes: Uint8Array,
): Message | undefined {
  try {
    return type.decode(bytes);
  } catch {
    failMalformed(call);
    return undefined;
  }
}

/** From Node's shared pool: cheaper than an array of its own. */
export function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const copy = Buffer.allocUnsafe(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}
