/** What of a field's value is printed: ids keep their digits, errors become their text, bytes only their number. */

/** A field that holds more than this in depth is a mistake of ours; a cycle ends here too. */
const depthMax = 6;
const causesMax = 16;

export type Plain =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Plain[]
  | { readonly [key: string]: Plain };

/** A value that JSON can print. Bytes are never printed, because keys, values and secrets are bytes. */
export function plainValue(value: unknown, depth = 0): Plain {
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
    case "undefined":
      return value;
    case "bigint":
      return value.toString();
    case "object":
      return value === null ? null : plainObject(value, depth);
    case "function":
    case "symbol":
      return undefined;
  }
}

function plainObject(value: object, depth: number): Plain {
  if (value instanceof Error) return errorText(value);
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (value instanceof Date) return value.toISOString();
  if (depth >= depthMax) return "…";
  if (value instanceof Set) return plainObject([...value], depth);
  if (Array.isArray(value)) return value.map((item) => plainValue(item, depth + 1) ?? null);
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(
    entries.map(([key, item]) => [String(key), plainValue(item, depth + 1)] as const),
  );
}

/** The message, and what caused it, all the way down: "cannot listen: EADDRINUSE". */
function errorText(error: Error): string {
  const texts: string[] = [];
  let at: unknown = error;
  while (at instanceof Error && texts.length < causesMax) {
    texts.push(ownText(at));
    at = at.cause;
  }
  return texts.join(": ");
}

/** Node.js gathers the attempts of a connection in an error that says nothing by itself. */
function ownText(error: Error): string {
  if (error.message !== "") return error.message;
  if (error instanceof AggregateError) {
    const errors: readonly unknown[] = error.errors;
    return errors.map((each) => (each instanceof Error ? ownText(each) : String(each))).join("; ");
  }
  return error.name;
}
