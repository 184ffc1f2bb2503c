/** Why a request message is refused, in grpc-go's words; the same for unary and for streaming calls. */
import { type Refusal, statusCode } from "./status.ts";

export function messageTooLarge(length: number, max: number): Refusal {
  const text = `grpc: received message larger than max (${length} vs. ${max})`;
  return { httpStatus: 200, code: statusCode.resourceExhausted, text };
}

/** `flag` is the prefix's first byte, not 0. An encoding that we do not know was refused with the head. */
export function compressionProblem(flag: number, isGzip: boolean): Refusal | null {
  if (flag !== 1) return internal(`grpc: received unexpected payload format ${flag}`);
  return isGzip ? null : internal("grpc: compressed flag set with identity or empty encoding");
}

function internal(text: string): Refusal {
  return { httpStatus: 200, code: statusCode.internal, text };
}
