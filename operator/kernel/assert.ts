/** A bug: the process stops; nobody catches it and goes on. The operator has its own since it stands apart from node/. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Stays on in production. */
export function assert(
  condition: boolean,
  message: string,
  value?: string | number,
): asserts condition {
  if (!condition) throw new AssertionError(value === undefined ? message : `${message}: ${value}`);
}
