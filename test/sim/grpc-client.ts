/** Just enough of a gRPC client for the simulator: unary calls as plain frames, header fields without compression. */
import {
  frameFlag,
  frameHeaderBytes,
  frameType,
  readUint24,
  readUint31,
} from "../../node/grpc/frame.ts";
import { HpackDecoder } from "../../node/grpc/hpack-decoder.ts";
import type { SimSocket } from "./byte-socket.ts";

export interface CallOutcome {
  /** grpc-status; undefined when the connection broke: the call may have been done or not. */
  readonly status: number | undefined;
  readonly message: Uint8Array;
}

interface Call {
  readonly done: (outcome: CallOutcome) => void;
  message: Uint8Array;
}

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const grpcPrefixBytes = 5;

export class SimGrpcClient {
  private readonly socket: SimSocket;
  private readonly decoder = new HpackDecoder(4096);
  private readonly calls = new Map<number, Call>();
  private nextStream = 1;
  private unread = Buffer.alloc(0);
  isOpen = true;

  constructor(socket: SimSocket) {
    this.socket = socket;
    socket.onData((chunk) => this.receive(chunk));
    socket.onClose(() => this.closed());
    socket.write(Buffer.concat([preface, frame(frameType.settings, 0, 0, Buffer.alloc(0))]));
  }

  call(path: string, message: Uint8Array, done: (outcome: CallOutcome) => void): void {
    const stream = this.nextStream;
    this.nextStream += 2;
    this.calls.set(stream, { done, message: new Uint8Array(0) });
    const head = Buffer.concat([
      literal(":method", "POST"),
      literal(":scheme", "http"),
      literal(":path", path),
      literal("te", "trailers"),
      literal("content-type", "application/grpc"),
    ]);
    const body = Buffer.alloc(grpcPrefixBytes + message.length);
    body.writeUInt32BE(message.length, 1);
    body.set(message, grpcPrefixBytes);
    this.socket.write(
      Buffer.concat([
        frame(frameType.headers, frameFlag.endHeaders, stream, head),
        frame(frameType.data, frameFlag.endStream, stream, body),
      ]),
    );
  }

  private receive(chunk: Uint8Array): void {
    this.unread = Buffer.concat([this.unread, chunk]);
    for (;;) {
      if (this.unread.length < frameHeaderBytes) return;
      const end = frameHeaderBytes + readUint24(this.unread, 0);
      if (this.unread.length < end) return;
      const payload = this.unread.subarray(frameHeaderBytes, end);
      const [type, flags] = [this.unread[3] as number, this.unread[4] as number];
      this.frame(type, flags, readUint31(this.unread, 5), payload);
      this.unread = this.unread.subarray(end);
    }
  }

  private frame(type: number, flags: number, stream: number, payload: Buffer): void {
    const call = this.calls.get(stream);
    // Every answer fits into its stream's window; the connection's is shared by all of them.
    if (type === frameType.data && payload.length > 0) this.giveBack(payload.length);
    if (type === frameType.settings && (flags & frameFlag.ack) === 0) {
      this.socket.write(frame(frameType.settings, frameFlag.ack, 0, Buffer.alloc(0)));
    } else if (type === frameType.data && call !== undefined) {
      call.message = Uint8Array.from(payload.subarray(grpcPrefixBytes));
    } else if (type === frameType.headers) {
      const fields = new Map<string, string>();
      this.decoder.decode(payload, 0, payload.length, {
        add: (field) => void fields.set(field.name.text, field.value),
      });
      if ((flags & frameFlag.endStream) === 0 || call === undefined) return;
      this.calls.delete(stream);
      call.done({ status: Number(fields.get("grpc-status")), message: call.message });
    }
  }

  private giveBack(bytes: number): void {
    const increment = Buffer.alloc(4);
    increment.writeUInt32BE(bytes);
    this.socket.write(frame(frameType.windowUpdate, 0, 0, increment));
  }

  private closed(): void {
    this.isOpen = false;
    const broken = [...this.calls.values()];
    this.calls.clear();
    for (const call of broken) call.done({ status: undefined, message: new Uint8Array(0) });
  }
}

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, frameHeaderBytes);
  return bytes;
}

/** A literal field without indexing and without Huffman (RFC 7541 section 6.2.2); all lengths are below 127. */
function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name, "latin1"),
    Buffer.from([value.length]),
    Buffer.from(value, "latin1"),
  ]);
}
