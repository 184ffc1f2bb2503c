/** A protobuf message field by field, in any order and with any values. */
import { tagOf, Writer, wireType } from "../../node/proto/wire.ts";

export class Fields {
  private readonly writer = new Writer(64);

  get bytes(): Uint8Array {
    return this.writer.finish();
  }

  /** Written also when it is 0. */
  int64(field: number, value: bigint): this {
    this.writer.varint(tagOf(field, wireType.varint));
    this.writer.varint64(value);
    return this;
  }

  text(field: number, text: string): this {
    return this.message(field, Buffer.from(text, "latin1"));
  }

  message(field: number, bytes: Uint8Array): this {
    this.writer.bytesField(field, bytes);
    return this;
  }
}
