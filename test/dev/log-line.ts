/** A member's log line, made readable: whose it is, the time, the level, the message, then the fields. */

/** Puts colours round a text; the plain one gives it back. */
export type Paint = (text: string, colour: Colour) => string;

const codes = { red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36, dim: 2, bold: 1 };
export type Colour = keyof typeof codes;

export const paintNothing: Paint = (text) => text;
export const paintAnsi: Paint = (text, colour) => `\u001b[${codes[colour]}m${text}\u001b[0m`;

/** https://no-color.org: any value but the empty one turns colours off. */
export const paintFor = (
  isTerminal: boolean,
  environment: Readonly<Record<string, string | undefined>>,
): Paint =>
  isTerminal && (environment["NO_COLOR"] ?? "") === "" && environment["TERM"] !== "dumb"
    ? paintAnsi
    : paintNothing;

const nameColours: readonly Colour[] = ["cyan", "yellow", "magenta", "green", "blue", "red"];

/** What stands before each line of the member at this place of the list. */
export const prefixOf = (name: string, at: number, paint: Paint): string =>
  paint(`${name} |`, nameColours[at % nameColours.length] ?? "cyan");

const levelColours: Readonly<Record<string, Colour>> = {
  debug: "dim",
  warn: "yellow",
  error: "red",
  panic: "red",
  fatal: "red",
};

/** A line that is no JSON object with a message comes as it is, without control characters, which could play tricks on a terminal. */
export function readableLine(line: string, paint: Paint): string {
  const entry = parsed(line);
  if (entry === undefined) return visible(line);
  const { level, ts, msg, ...fields } = entry;
  const levelText = typeof level === "string" ? level : "";
  const colour = levelColours[levelText];
  const head = visible(levelText.toUpperCase()).padEnd(5);
  const parts = [
    paint(timeOf(ts), "dim"),
    colour === undefined ? head : paint(head, colour),
    visible(String(msg)),
  ];
  const texts = Object.entries(fields).map(
    ([key, value]) => `${paint(`${visible(key)}=`, "dim")}${valueText(value)}`,
  );
  return [...parts, ...texts].join(" ");
}

function parsed(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const entry = JSON.parse(line) as Record<string, unknown>;
    return typeof entry["msg"] === "string" ? entry : undefined;
  } catch {
    return undefined;
  }
}

/** Only the time of day, as UTC: the date is that of today. */
function timeOf(ts: unknown): string {
  const match = /T(\d\d:\d\d:\d\d\.\d{3})/.exec(String(ts));
  return match?.[1] ?? visible(String(ts));
}

/** Texts without blanks or quotes as they are; the rest as JSON. */
function valueText(value: unknown): string {
  if (typeof value === "string" && /^[^\s"=\p{Cc}]+$/u.test(value)) return value;
  // JSON escapes the control characters below 32; those above remain.
  return visible(JSON.stringify(value));
}

const visible = (text: string): string =>
  text.replaceAll(
    /[^\P{Cc}\t]/gu,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
