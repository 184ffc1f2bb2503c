/** What a fuzz target is. The runs, the counting and the judgement are harness.ts. */
import type { FuzzRandom } from "./random.ts";

export interface Target {
  readonly name: string;
  /** How deep inputs get, in the order of the table. */
  readonly stages: readonly string[];
  /** The shares of inputs that the generator owes: a fuzzer whose inputs all die at the door finds nothing. */
  readonly leastShares: Readonly<Record<string, number>>;
  /** Bytes that say everything about one run: what cannot be replayed from them was not tested. */
  generate(random: FuzzRandom): Uint8Array;
  /**
   * Feeds the input to the code under test. Documented errors are caught here; whatever else is thrown is a find, an
   * assertion of the target's own included. Returns the stages reached, bit n for `stages[n]`.
   */
  run(input: Uint8Array): number | Promise<number>;
}

/** What the target's own checks throw. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
