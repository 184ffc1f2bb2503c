/** Kind four of the errors (DESIGN section 4, decision 7): a bug. The process stops; nobody catches and goes on. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Stays on in production. `value` is printed behind the message; build no strings at the call site of a hot path. */
export function assert(
  condition: boolean,
  message: string,
  value?: string | number | bigint,
): asserts condition {
  if (!condition) {
    throw new AssertionError(value === undefined ? message : `${message}: ${String(value)}`);
  }
}
