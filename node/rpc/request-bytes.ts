/** From a call's bytes to a decoded request. Malformed bytes answer the call. */
import type { UnaryCall } from "../grpc/unary-call.ts";
import { decodeTxnRequest, type TxnRequest } from "../proto/txn-request.ts";
import { WireError } from "../proto/wire.ts";
import type { Admission } from "./admission.ts";
import { failMalformed, failWith } from "./errors.ts";

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

/** The request, if it is one and this member may answer it; undefined when the call is answered. */
export function admittedMessage<Message>(
  call: UnaryCall,
  admission: Admission,
  request: {
    readonly type: { decode(bytes: Uint8Array): Message };
    readonly bytes: Uint8Array;
    readonly isForLearners: boolean;
  },
): Message | undefined {
  const message = decodedMessage(call, request.type, request.bytes);
  if (message === undefined) return undefined;
  const error = admission.refuse(call, request.isForLearners);
  if (error === undefined) return message;
  failWith(call, error);
  return undefined;
}

/** Answers with a message of the generated codecs. */
export function replyMessage<Response>(
  call: UnaryCall,
  type: { encode(response: Response): { finish(): Uint8Array } },
  response: Response,
): void {
  const bytes = type.encode(response).finish();
  call.reply(bytes, 0, bytes.length);
}

/** From Node's shared pool: cheaper than an array of its own. */
export function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const copy = Buffer.allocUnsafe(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}
