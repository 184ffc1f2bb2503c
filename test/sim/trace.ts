/**
 * What happened in a run, as a sum: equal seeds must give equal sums. Lines for people are part of it; small things such as each
 * message on the network are added as numbers, and become lines only when somebody watches.
 */

const prime = 0x01000193;
const otherPrime = 0x85ebca6b;

export class Trace {
  /** Gets each line; for a person who watches. */
  onLine: ((line: string) => void) | undefined;
  private lines = 0;
  private low = 0x811c9dc5;
  private high = 0x9747b28c;

  constructor(onLine?: (line: string) => void) {
    this.onLine = onLine;
  }

  /** Somebody watches: details may be spelled out. */
  get isWatched(): boolean {
    return this.onLine !== undefined;
  }

  line(atMs: number, text: string): void {
    this.lines += 1;
    this.number(Math.round(atMs * 1000));
    for (let at = 0; at < text.length; at++) this.number(text.charCodeAt(at));
    if (this.onLine !== undefined) this.onLine(format(atMs, text));
  }

  /** A line that is not part of the sum: only when somebody watches, as it costs time to make. */
  detail(atMs: number, text: string): void {
    this.onLine?.(format(atMs, text));
  }

  /** Adds a whole number, of which 32 bits count. */
  number(value: number): void {
    this.low = Math.imul(this.low ^ value, prime);
    this.high = Math.imul(this.high ^ (value + (this.low >>> 15)), otherPrime) ^ (this.high >>> 13);
  }

  /** Sum and number of lines so far. */
  get sum(): string {
    const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, "0");
    return `${hex(this.high)}${hex(this.low)} (${this.lines} lines)`;
  }
}

function format(atMs: number, text: string): string {
  return `${atMs.toFixed(3).padStart(11)} ${text}`;
}
