/** One stream in both directions, as the calls that keep one open see it. */
import type { ClientDuplexStream } from "@grpc/grpc-js";
import type { ClientError } from "./client-error.ts";

export class Duplex<Request, Response> {
  private readonly call: ClientDuplexStream<Request, Response>;
  private readonly errorOf: (error: unknown) => ClientError | undefined;

  /** `errorOf` gives undefined for what is no error of gRPC. */
  constructor(
    call: ClientDuplexStream<Request, Response>,
    errorOf: (error: unknown) => ClientError | undefined,
  ) {
    this.call = call;
    this.errorOf = errorOf;
    // Told to whoever reads; a stream that nobody reads must not stop the process.
    call.on("error", () => undefined);
  }

  send(request: Request): void {
    this.call.write(request);
  }

  /** The answers, in order; while nobody takes them the server is held back. Throws ClientError; ends when the server ends it without an error. */
  async *responses(): AsyncGenerator<Response, void, undefined> {
    try {
      for await (const response of this.call) yield response as Response;
    } catch (error) {
      throw this.errorOf(error) ?? error;
    } finally {
      this.call.cancel();
    }
  }

  cancel(): void {
    this.call.cancel();
  }
}
