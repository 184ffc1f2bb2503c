/** JSON as Go's encoding/json writes it. */

/** Bytes become base64; what is undefined is left out. */
export type Json =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly Json[]
  | { readonly [name: string]: Json | undefined };

export function jsonText(value: Json): string {
  if (typeof value === "string") return stringText(value);
  if (value instanceof Uint8Array) return `"${Buffer.from(value).toString("base64")}"`;
  if (isList(value)) return `[${value.map(jsonText).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).flatMap(([name, member]) =>
      member === undefined ? [] : [`${stringText(name)}:${jsonText(member)}`],
    );
    return `{${members.join(",")}}`;
  }
  return String(value);
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

/** Go writes <, >, & and two line separators so that the text can stand in a web page. */
function stringText(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
