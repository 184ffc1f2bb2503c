/** One test of the corpus: what a client says. */
import { preface, settings } from "./bytes.ts";

export interface Sequence {
  readonly name: string;
  /**
   * Sent one after the other; between two of them the server has handled the first and sent what it had to say. The
   * connection's preface and an empty SETTINGS frame stand in front unless `isRaw`.
   */
  readonly steps: readonly Buffer[];
  readonly isRaw?: boolean;
  /** The last step leaves a frame or a header block unfinished, so the server cannot be asked whether it is done. */
  readonly isUnfinished?: boolean;
}

export function sequence(name: string, ...steps: readonly Buffer[]): Sequence {
  return { name, steps };
}

/** In one segment. */
export function atOnce(name: string, ...parts: readonly Buffer[]): Sequence {
  return { name, steps: [Buffer.concat(parts)] };
}

export function raw(name: string, ...parts: readonly Buffer[]): Sequence {
  return { name, steps: [Buffer.concat(parts)], isRaw: true };
}

export function unfinished(name: string, ...parts: readonly Buffer[]): Sequence {
  return { name, steps: [Buffer.concat(parts)], isUnfinished: true };
}

export const opening: Buffer = Buffer.concat([preface, settings()]);
