/**
 * The body of a unary request: one length-prefixed message, given to the handler as soon as it is whole, as grpc-go does;
 * the client's END_STREAM is not waited for, and what follows the message is dropped.
 */
import type { Call } from "./call.ts";
import { readUint32 } from "./frame.ts";
import { gunzip } from "./gzip.ts";
import type { AssemblyMeter } from "./memory-budget.ts";
import { MessageAssembler, messagePrefixBytes } from "./message-assembler.ts";
import { compressionProblem, messageTooLarge } from "./message-problems.ts";
import { type Refusal, statusCode } from "./status.ts";

export interface BodyLimits {
  readonly receiveMessageBytesMax: number;
  readonly assembly: AssemblyMeter;
}

/** Takes bytes[start, end) of the body of a call that is neither over nor delivered. */
export function takeBody(
  limits: BodyLimits,
  call: Call,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  if (call.body === null && end - start >= messagePrefixBytes) {
    const length = readUint32(bytes, start + 1);
    if (length > limits.receiveMessageBytesMax)
      return refuse(call, messageTooLarge(length, limits.receiveMessageBytesMax));
    const messageStart = start + messagePrefixBytes;
    if (length <= end - messageStart) {
      const messageEnd = messageStart + length;
      if (bytes[start] === 0) return deliver(call, bytes, messageStart, messageEnd);
      return unpack(limits, call, bytes[start] as number, bytes, messageStart, messageEnd);
    }
  }
  assemble(limits, call, bytes, start, end);
}

function assemble(
  limits: BodyLimits,
  call: Call,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  const body = call.body ?? new MessageAssembler();
  call.body = body;
  const max = limits.receiveMessageBytesMax;
  let taken = body.take(bytes, start, end);
  let hasRoom = limits.assembly.add(taken);
  if (!body.hasPrefix) return;
  const { messageLength } = body;
  if (messageLength > max) return refuse(call, messageTooLarge(messageLength, max));
  if (!body.isComplete) {
    taken = body.take(bytes, start + taken, end);
    hasRoom = limits.assembly.add(taken);
  }
  if (body.isComplete) {
    call.body = null;
    limits.assembly.release(body.length);
    const whole = body.bytes;
    if (whole[0] === 0) return deliver(call, whole, messagePrefixBytes, body.length);
    unpack(limits, call, whole[0] as number, whole, messagePrefixBytes, body.length);
  } else if (!hasRoom) {
    call.fail(statusCode.resourceExhausted, tooMuchWaits);
  }
}

/** Of messages that are not complete, or not read. */
export const tooMuchWaits = "grpc: too many bytes of messages wait in memory";

function unpack(
  limits: BodyLimits,
  call: Call,
  flag: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  const problem = compressionProblem(flag, call.head.isGzip);
  if (problem !== null) return refuse(call, problem);
  const unpacked = gunzip(bytes, start, end, limits.receiveMessageBytesMax);
  if (unpacked instanceof Uint8Array) deliver(call, unpacked, 0, unpacked.length);
  else refuse(call, unpacked);
}

function deliver(call: Call, bytes: Uint8Array, start: number, end: number): void {
  const { route } = call.head;
  if (route === null || route.unary === null) return;
  call.isDelivered = true;
  route.begin(call);
  route.bytesReceived += end - start;
  route.unary(call, bytes, start, end);
}

/** The request ended and no message was whole; the texts are what a real etcd 3.7.1 answers. */
export function endBody(call: Call): void {
  const hasPrefix = call.body !== null && call.body.hasPrefix;
  call.fail(statusCode.unknown, hasPrefix ? "unexpected EOF" : "EOF");
}

function refuse(call: Call, refusal: Refusal): void {
  call.fail(refusal.code, refusal.text);
}
