/**
 * The peer broke HTTP/2 in a way that ends its connection (RFC 9113 section 5.4.1): GOAWAY with `code`, then close.
 * Thrown anywhere below the connection's data handler and caught there only; never leaves node/grpc.
 */
import { errorCode } from "./frame.ts";

export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  /** One of frame.ts `errorCode`. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export function protocolError(message: string): ConnectionError {
  return new ConnectionError(errorCode.protocolError, message);
}

export function frameSizeError(frame: string): ConnectionError {
  return new ConnectionError(errorCode.frameSizeError, `${frame} of wrong size`);
}
