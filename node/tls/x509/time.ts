/** Validity times (RFC 5280 4.1.2.5): whole seconds; two digits for years from 1950 to 2049, four for all others. */
import { type Element, generalizedTime, utcTime } from "./der.ts";

/** Fractions of a second are cut off. Throws a RangeError for years that four digits cannot write. */
export function validityTime(unixMs: number): Element {
  const date = new Date(unixMs);
  const year = date.getUTCFullYear();
  if (!(year >= 0 && year <= 9999)) throw new RangeError("a time beyond the year 9999");
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, "");
  return year >= 1950 && year < 2050 ? utcTime(digits.slice(2)) : generalizedTime(digits);
}
