/** A call that was answered with an error, or with none: gRPC's code and text, as etcd sends them. */
import { status } from "@grpc/grpc-js";

export class ClientError extends Error {
  override readonly name = "ClientError";
  /** gRPC status code, such as 14 for Unavailable. */
  readonly code: number;
  /** The server's text without any prefix of ours, or the library's own when no server answered. */
  readonly text: string;

  constructor(code: number, text: string, options?: ErrorOptions) {
    super(`${status[code] ?? code}: ${text}`, options);
    this.code = code;
    this.text = text;
  }
}
