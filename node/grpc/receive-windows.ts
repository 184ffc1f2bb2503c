/**
 * What clients may send us (RFC 9113 section 5.2). A connection's window is given back as bytes come, a stream's as its handler takes
 * them: a stream that is not read holds its own client back, and no other.
 */
import type { Call } from "./call.ts";
import { ConnectionError } from "./connection-error.ts";
import { writeWindowUpdate } from "./control-frames.ts";
import { errorCode } from "./frame.ts";
import { connectionWindowBytes, queuedReplyBytesSoft, streamWindowBytes } from "./limits.ts";
import type { StreamsConnection } from "./streams-connection.ts";

export class ReceiveWindows {
  private readonly connection: StreamsConnection;
  /** Body bytes taken since the last WINDOW_UPDATE of the connection. */
  private unreplenished = 0;

  constructor(connection: StreamsConnection) {
    this.connection = connection;
  }

  /** @throws ConnectionError FLOW_CONTROL_ERROR */
  replenishConnection(bytes: number): void {
    this.unreplenished += bytes;
    if (this.unreplenished < connectionWindowBytes / 2) return;
    if (this.unreplenished > connectionWindowBytes) {
      throw new ConnectionError(errorCode.flowControlError, "connection window exceeded");
    }
    // A client that does not take its replies gets no window for new requests.
    if (this.connection.flow.queuedBytes > queuedReplyBytesSoft) return;
    writeWindowUpdate(this.connection.out, 0, this.unreplenished);
    this.unreplenished = 0;
  }

  /** A frame of a unary call. False: the client sent more than it may. */
  takeUnary(call: Call, bytes: number, endsStream: boolean): boolean {
    call.unreplenished += bytes;
    if (call.unreplenished < streamWindowBytes / 2) return true;
    if (call.unreplenished > streamWindowBytes) return false;
    if (!endsStream) {
      writeWindowUpdate(this.connection.out, call.id, call.unreplenished);
      call.unreplenished = 0;
    }
    return true;
  }

  /** A frame of a streaming call; given back by replenishStreaming. False: the client sent more than it may. */
  takeStreaming(call: Call, bytes: number): boolean {
    call.unreplenished += bytes;
    return call.unreplenished <= streamWindowBytes;
  }

  /** Gives back what does not wait to be read. */
  replenishStreaming(call: Call): void {
    if (call.hasRequestEnded || call.hasReplyEnded || call.stream === null) return;
    const taken = call.unreplenished - call.stream.input.waitingBytes;
    if (taken < streamWindowBytes / 2) return;
    writeWindowUpdate(this.connection.out, call.id, taken);
    call.unreplenished -= taken;
  }
}
