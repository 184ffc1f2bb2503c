/** grpc-timeout (gRPC over HTTP/2, "Requests"): at most 8 digits and one unit letter. Reads bytes, builds no string. */

/** No deadline; compares greater than every time. */
export const noDeadline = Infinity;

function unitMs(letter: number): number {
  switch (letter) {
    case 0x48: // H
      return 3_600_000;
    case 0x4d: // M
      return 60_000;
    case 0x53: // S
      return 1_000;
    case 0x6d: // m
      return 1;
    case 0x75: // u
      return 0.001;
    case 0x6e: // n
      return 0.000_001;
    default:
      return 0;
  }
}

/** Milliseconds, or -1 when the value is malformed. */
export function parseTimeoutMs(bytes: Uint8Array, start: number, end: number): number {
  const last = end - 1;
  if (last - start < 1 || last - start > 8) return -1;
  const unit = unitMs(bytes[last] as number);
  if (unit === 0) return -1;
  let count = 0;
  for (let at = start; at < last; at++) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    count = count * 10 + digit;
  }
  return count * unit;
}

/** Why parseTimeoutMs refused it, in grpc-go's words. */
export function timeoutProblem(text: string, quoted: string): string {
  if (text.length < 2) return `transport: timeout string is too short: ${quoted}`;
  if (text.length > 9) return `transport: timeout string is too long: ${quoted}`;
  if (unitMs(text.charCodeAt(text.length - 1)) === 0)
    return `transport: timeout unit is not recognized: ${quoted}`;
  return `strconv.ParseUint: parsing ${quoted.slice(0, -2)}": invalid syntax`;
}
