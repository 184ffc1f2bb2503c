/**
 * The body of a unary request: one length-prefixed message, given to the handler as soon as it is whole, as grpc-go does;
 * the client's END_STREAM is not waited for, and what follows the message is dropped.
 */
import type { Call } from "./call.ts";
import { readUint32 } from "./frame.ts";
import { assemblyBytesMax } from "./limits.ts";
import { MessageAssembler, messagePrefixBytes } from "./message-assembler.ts";
import { statusCode } from "./status.ts";

export interface BodyLimits {
  readonly receiveMessageBytesMax: number;
  /** Kept by this module: bytes that wait in assemblers. */
  assemblyBytes: number;
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
    if (length > limits.receiveMessageBytesMax) return failTooLarge(limits, call, length);
    const messageStart = start + messagePrefixBytes;
    if (length <= end - messageStart) {
      if (bytes[start] !== 0) return failCompressed(call, bytes[start] as number);
      return deliver(call, bytes, messageStart, messageStart + length);
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
  let taken = body.take(bytes, start, end);
  limits.assemblyBytes += taken;
  if (!body.hasPrefix) return;
  if (body.messageLength > limits.receiveMessageBytesMax)
    return failTooLarge(limits, call, body.messageLength);
  if (!body.isComplete) {
    taken = body.take(bytes, start + taken, end);
    limits.assemblyBytes += taken;
  }
  if (body.isComplete) {
    call.body = null;
    limits.assemblyBytes -= body.length;
    if (body.bytes[0] !== 0) return failCompressed(call, body.bytes[0] as number);
    deliver(call, body.bytes, messagePrefixBytes, body.length);
  } else if (limits.assemblyBytes > assemblyBytesMax) {
    call.fail(
      statusCode.resourceExhausted,
      "grpc: too many bytes of incomplete messages on this connection",
    );
  }
}

function deliver(call: Call, bytes: Uint8Array, start: number, end: number): void {
  call.isDelivered = true;
  call.head.route?.handler(call, bytes, start, end);
}

/** The request ended and no message was whole; the texts are what a real etcd 3.7.1 answers. */
export function endBody(call: Call): void {
  const hasPrefix = call.body !== null && call.body.hasPrefix;
  call.fail(statusCode.unknown, hasPrefix ? "unexpected EOF" : "EOF");
}

function failTooLarge(limits: BodyLimits, call: Call, length: number): void {
  call.fail(
    statusCode.resourceExhausted,
    `grpc: received message larger than max (${length} vs. ${limits.receiveMessageBytesMax})`,
  );
}

/** A grpc-encoding other than identity was refused with the head, so here the flag stands without one. */
function failCompressed(call: Call, flag: number): void {
  if (flag === 1)
    call.fail(statusCode.internal, "grpc: compressed flag set with identity or empty encoding");
  else call.fail(statusCode.internal, `grpc: received unexpected payload format ${flag}`);
}
