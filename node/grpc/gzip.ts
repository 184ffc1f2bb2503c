/**
 * The one message encoding besides identity that etcd 3.7.1 accepts. Synchronous, and bounded: a request by the size of its message,
 * an answer by limits.ts `compressedMessageBytesMax`.
 */
import { constants, gunzipSync, gzipSync } from "node:zlib";
import { type Refusal, statusCode } from "./status.ts";

export const gzipName = "gzip";

/** grpc-go leaves an empty message as it is. */
export function gzip(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return gzipSync(bytes.subarray(start, end), { level: constants.Z_BEST_SPEED });
}

/** The message, or why there is none, in the words of grpc-go and of Go's compress/gzip. */
export function gunzip(
  bytes: Uint8Array,
  start: number,
  end: number,
  bytesMax: number,
): Uint8Array | Refusal {
  if (start === end) return refusal("failed to decompress the message: EOF");
  try {
    return gunzipSync(bytes.subarray(start, end), { maxOutputLength: bytesMax });
  } catch (error) {
    return refusalOf(error, end - start, bytesMax);
  }
}

const headerBytes = 10;

function refusalOf(error: unknown, length: number, bytesMax: number): Refusal {
  const { code, message } = error as { code?: string; message?: string };
  switch (code) {
    case "ERR_BUFFER_TOO_LARGE":
      return {
        httpStatus: 200,
        code: statusCode.resourceExhausted,
        text: `grpc: received message after decompression larger than max ${bytesMax}`,
      };
    case "Z_BUF_ERROR":
      return length < headerBytes
        ? refusal("failed to decompress the message: unexpected EOF")
        : refusal("failed to read decompressed data: unexpected EOF");
    case "Z_DATA_ERROR":
      if (message === "incorrect header check" || message === "unknown compression method")
        return refusal("failed to decompress the message: gzip: invalid header");
      if (message === "incorrect data check" || message === "incorrect length check")
        return refusal("failed to read decompressed data: gzip: invalid checksum");
      return refusal("failed to read decompressed data: flate: corrupt input");
    default:
      throw error;
  }
}

function refusal(text: string): Refusal {
  return { httpStatus: 200, code: statusCode.internal, text: `grpc: ${text}` };
}
