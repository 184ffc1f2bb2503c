/** Many requests with some under way at a time. */
import type { ApiClient } from "../../../operator/kernel/api-client.ts";
import type { ResourceType } from "../../../operator/kernel/resource.ts";
import { objectOf, type Place } from "./kinds.ts";

const atATime = 32;

/** Calls `work` with 0 to count-1, `width` of them at a time; rejects with the first that fails. */
export async function inParallel(
  count: number,
  width: number,
  work: (at: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

/** Objects "name-0" and so on, with the name as their label "group". */
export function createMany(
  client: ApiClient,
  kind: ResourceType,
  { namespace, name, count }: Place & { readonly count: number },
): Promise<void> {
  return inParallel(count, atATime, (at) =>
    client.create(kind, objectOf(kind, { namespace, name: `${name}-${at}` }, { group: name })),
  );
}

/** Does it again and again until `signal` aborts; gives how often. */
export async function repeat(signal: AbortSignal, work: () => Promise<unknown>): Promise<number> {
  let times = 0;
  while (!signal.aborted) {
    await work();
    times += 1;
  }
  return times;
}

/** From one moment to another or to now, in whole numbers. */
export function perSecond(count: number, fromMs: number, toMs = performance.now()): number {
  return Math.round((count * 1000) / (toMs - fromMs));
}
