/** Ways in which a network falls apart. */
import type { SeededRandom } from "../support/seeded-random.ts";
import type { Machine } from "./machine.ts";
import type { SimNetwork } from "./sim-network.ts";

export interface CutOptions {
  readonly network: SimNetwork;
  readonly machines: readonly Machine[];
  readonly random: SeededRandom;
  /** Each cut is of one direction only. */
  readonly isOneWay: boolean;
}

type Pair = readonly [number, number];

/** Cuts a random set of links and returns what mends them. */
export function cutRandomly({ network, machines, random, isOneWay }: CutOptions): () => void {
  const numbers = shuffled(
    machines.map(({ number }) => number),
    random,
  );
  const pairs = random.pick([isolateOne, split, bridge, single])(numbers, random);
  const directions = pairs.flatMap(([one, other]): Pair[] => {
    if (!isOneWay)
      return [
        [one, other],
        [other, one],
      ];
    return [[one, other]];
  });
  for (const [from, to] of directions) network.cut(from, to);
  return () => {
    for (const [from, to] of directions) network.mend(from, to);
  };
}

function shuffled(numbers: readonly number[], random: SeededRandom): number[] {
  const out = [...numbers];
  for (let at = out.length - 1; at > 0; at--) {
    const other = random.below(at + 1);
    [out[at], out[other]] = [out[other] as number, out[at] as number];
  }
  return out;
}

/** One machine is alone. With one direction it hears nobody, or nobody hears it. */
function isolateOne(numbers: readonly number[], random: SeededRandom): Pair[] {
  const [alone = 0, ...others] = numbers;
  const isDeaf = random.chance(0.5);
  return others.map((other) => (isDeaf ? [other, alone] : [alone, other]));
}

/** Two parts. */
function split(numbers: readonly number[], random: SeededRandom): Pair[] {
  const at = 1 + random.below(numbers.length - 1);
  return numbers
    .slice(0, at)
    .flatMap((one) => numbers.slice(at).map((other): Pair => [one, other]));
}

/** Two parts that share one machine, which sees both. */
function bridge(numbers: readonly number[], random: SeededRandom): Pair[] {
  return numbers.length < 3 ? split(numbers, random) : split(numbers.slice(1), random);
}

/** One link. */
function single(numbers: readonly number[]): Pair[] {
  return [[numbers[0] ?? 0, numbers[1] ?? 0]];
}
