/** Lines of standard input, one by one as they come: a person may be typing them. */

export class LineReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest = Buffer.alloc(0);

  constructor(input: AsyncIterable<Uint8Array>) {
    this.#pieces = input[Symbol.asyncIterator]();
  }

  /** Without the line feed. Undefined at the end of the input; what stands there without a line feed is no line. */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const at = this.#rest.indexOf(0x0a);
      if (at >= 0) {
        const line = this.#rest.subarray(0, at);
        this.#rest = this.#rest.subarray(at + 1);
        return line;
      }
      const piece = await this.#pieces.next();
      if (piece.done === true) return undefined;
      this.#rest = Buffer.concat([this.#rest, piece.value]);
    }
  }

  /** Lets go of the input; an open terminal would keep the process. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }
}
