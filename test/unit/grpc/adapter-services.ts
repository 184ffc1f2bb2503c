/** Methods of every kind, which clients that others wrote call over both transports: test.Svc. */
import { status } from "@grpc/grpc-js";
import type { StreamCall } from "../../../node/grpc/stream-call.ts";
import type { GrpcTransport } from "../../../node/grpc/transport.ts";
import type { UnaryCall } from "../../../node/grpc/unary-call.ts";

/** What the services have seen. */
export class Services {
  readonly heldCalls: UnaryCall[] = [];
  readonly openStreams: StreamCall[] = [];
  readonly cancelCodes: number[] = [];
  receivedBytes = 0;
  private waiting: (() => void)[] = [];

  addTo(server: GrpcTransport): void {
    server.addUnary("/test.Svc/Echo", (call, bytes, start, end) => call.reply(bytes, start, end));
    server.addUnary("/test.Svc/Metadata", (call, bytes, start, end) => {
      const name = Buffer.from(bytes.subarray(start, end)).toString();
      const value = Buffer.from(call.metadata(name) ?? "none");
      setImmediate(() => call.reply(value, 0, value.length));
    });
    server.addUnary("/test.Svc/Fail", (call) => call.fail(status.NOT_FOUND, "löse not found 100%"));
    server.addUnary("/test.Svc/Hold", (call) => {
      this.heldCalls.push(call);
      this.note();
    });
    server.addStream("/test.Svc/Count", "serverStream", (call) => this.count(call));
    server.addStream("/test.Svc/Measure", "clientStream", (call) => this.measure(call));
    server.addStream("/test.Svc/Chat", "bidi", (call) => {
      call.onMessage((bytes, start, end) => call.send(bytes, start, end));
      call.onHalfClose(() => call.finish());
    });
    server.addStream("/test.Svc/Idle", "bidi", (call) => {
      this.openStreams.push(call);
      call.onCancel((code) => {
        this.cancelCodes.push(code);
        this.note();
      });
      this.note();
    });
  }

  /** So many messages "0", "1"... of as many bytes as the request says: "count size failAt". */
  private count(call: StreamCall): void {
    call.onMessage((bytes, start, end) => {
      const text = Buffer.from(bytes.subarray(start, end)).toString();
      const [count = 0, size = 1, failAt = -1] = text.split(" ").map(Number);
      let sent = 0;
      const more = (): void => {
        while (sent < count) {
          if (sent === failAt) return call.fail(status.ABORTED, "enough");
          const body = Buffer.from(String(sent++).padEnd(size, "."));
          if (!call.send(body, 0, body.length)) return;
        }
        call.finish();
      };
      call.onDrain(more);
      more();
    });
  }

  private measure(call: StreamCall): void {
    let messages = 0;
    let total = 0;
    call.onMessage((_bytes, start, end) => {
      messages++;
      total += end - start;
      this.receivedBytes += end - start;
    });
    call.onHalfClose(() => {
      const answer = Buffer.from(`${messages} ${total}`);
      call.send(answer, 0, answer.length);
      call.finish();
    });
  }

  private note(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const done of waiting) done();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}
