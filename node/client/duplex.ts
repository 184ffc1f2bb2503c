/** One stream in both directions, as the calls that keep one open see it. */
import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import { ClientError } from "./client-error.ts";

export class Duplex<Request, Response> {
  private readonly call: ClientDuplexStream<Request, Response>;

  constructor(call: ClientDuplexStream<Request, Response>) {
    this.call = call;
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
      const failure = error as Partial<ServiceError>;
      if (failure.code === undefined || failure.details === undefined) throw error;
      throw new ClientError(failure.code, failure.details, { cause: error });
    } finally {
      this.call.cancel();
    }
  }

  cancel(): void {
    this.call.cancel();
  }
}
