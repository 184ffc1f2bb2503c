/** A streaming call whose unsent bytes wait in `node:http2` rather than in our queue. */
/* eslint-disable no-restricted-imports -- this folder is the transport made of Node.js's own HTTP/2 */
import type { ServerHttp2Stream } from "node:http2";
import type { Call } from "../call.ts";
import type { InputOwner } from "../stream-input.ts";
import { StreamingCall } from "../streaming-call.ts";

export class StreamOfExchange extends StreamingCall {
  private readonly stream: ServerHttp2Stream;

  constructor(call: Call, owner: InputOwner, stream: ServerHttp2Stream) {
    super(call, owner);
    this.stream = stream;
  }

  override get queuedBytes(): number {
    return this.stream.writableLength;
  }
}
