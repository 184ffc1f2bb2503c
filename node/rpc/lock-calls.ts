/** Calls of the Lock and Election services: admitted and decoded as others are, and given up when their client goes away. */
import { ConcurrencyError } from "../concurrency/key-space.ts";
import type { StreamCall } from "../grpc/stream-call.ts";
import { cloneBytes } from "../lib/bytes.ts";
import type { Admission } from "./admission.ts";
import { failWith } from "./errors.ts";
import { decodedMessage } from "./request-bytes.ts";

interface Codec<Request, Response> {
  readonly request: { decode(bytes: Uint8Array): Request };
  readonly response: { encode(message: Response): { finish(): Uint8Array } };
}

/**
 * Serves one unary call. `work` may take as long as it likes; its signal is aborted when the client goes away. What it rejects with
 * ConcurrencyError is the call's failure.
 */
export function serveWaiting<Request, Response>(
  call: StreamCall,
  admission: Admission,
  codec: Codec<Request, Response>,
  work: (request: Request, signal: AbortSignal) => Promise<Response>,
): void {
  const abandoned = new AbortController();
  call.onCancel(() => abandoned.abort());
  call.onMessage((bytes, start, end) => {
    const message = {
      type: codec.request,
      bytes: bytes.subarray(start, end),
      kind: "unary",
    } as const;
    const request = admitted(call, admission, message);
    if (request === undefined) return;
    work(request, abandoned.signal).then(
      (response) => {
        const answer = codec.response.encode(response).finish();
        call.send(answer, 0, answer.length);
        call.finish();
      },
      (error: unknown) => failCall(call, error),
    );
  });
}

/** The request, with bytes of its own; undefined when the call has failed. */
export function admitted<Request>(
  call: StreamCall,
  admission: Admission,
  message: {
    readonly type: { decode(bytes: Uint8Array): Request };
    readonly bytes: Uint8Array;
    readonly kind: "unary" | "stream";
  },
): Request | undefined {
  const request = decodedMessage(call, message.type, cloneBytes(message.bytes));
  if (request === undefined) return undefined;
  const error = admission.refuse(call, false, message.kind);
  if (error === undefined) return request;
  failWith(call, error);
  return undefined;
}

/** A call that is over was given up, and nobody hears why. Anything but a refusal is a bug. */
function failCall(call: StreamCall, error: unknown): void {
  if (error instanceof ConcurrencyError) call.fail(error.code, error.message);
  else if (!call.isOver) throw error;
}
