/** Lines for a person: what zap's console encoder makes of them, with tabs between time, level, message and fields. */

/** A line of JSON, as logger.ts makes them, in console format; with its line break. */
export function consoleLine(jsonLine: string): string {
  const { level, ts, logger, msg, ...fields } = JSON.parse(jsonLine) as Record<string, unknown>;
  const parts = [ts, level, ...(logger === undefined ? [] : [logger]), msg].map(cell);
  if (Object.keys(fields).length > 0) parts.push(spaced(fields));
  return `${parts.join("\t")}\n`;
}

/** One line stays one line, whatever it says. */
const cell = (value: unknown): string =>
  String(value).replace(/[\u0000-\u001f\u007f]/g, (text) => JSON.stringify(text).slice(1, -1));

/** JSON with a space behind each colon and comma. */
function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(
    ([key, item]) => `${JSON.stringify(key)}: ${spaced(item)}`,
  );
  return `{${entries.join(", ")}}`;
}
