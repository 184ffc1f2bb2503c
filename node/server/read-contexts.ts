/**
 * What a read's question is called in raft: 8 bytes that come back with the answer. Every life of a member has names of its own, so that an
 * answer to an earlier life, still on its way, is not taken for one to this: its index is old.
 */
import type { Random } from "../lib/ports.ts";
import type { ReadState } from "../raft/ready.ts";
import type { ReadAnswer } from "./read-index.ts";

const contextBytes = 8;

export class ReadContexts {
  private readonly life: number;

  constructor(random: Random) {
    this.life = random.uint32();
  }

  /** `count` is the queue's own number, which stays below 2^32. */
  encode(count: number): Uint8Array {
    const context = new Uint8Array(contextBytes);
    const view = new DataView(context.buffer);
    view.setUint32(0, this.life);
    view.setUint32(4, count);
    return context;
  }

  /** The answers to this life's questions. */
  decode(states: readonly ReadState[]): readonly ReadAnswer[] {
    const answers: ReadAnswer[] = [];
    for (const { context, index } of states) {
      if (context.length !== contextBytes) continue;
      const view = new DataView(context.buffer, context.byteOffset, contextBytes);
      if (view.getUint32(0) === this.life) answers.push({ context: view.getUint32(4), index });
    }
    return answers;
  }
}
