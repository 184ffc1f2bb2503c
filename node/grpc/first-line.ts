/** Is this the beginning of an HTTP/1 request? Judged by its first line only, as etcd's multiplexer (cmux) does. */
import { firstLineBytesMax } from "./limits.ts";

const newline = 0x0a;
const carriageReturn = 0x0d;
const tab = 0x09;

/** "open": the line is not whole yet, and may still become one. */
export function firstLineVerdict(bytes: Uint8Array): "http1" | "other" | "open" {
  const searched = Math.min(bytes.length, firstLineBytesMax);
  for (let at = 0; at < searched; at++) {
    const byte = bytes[at] as number;
    if (byte === newline) return isRequestLine(bytes, at) ? "http1" : "other";
    // No request has it: a TLS client, most often. It need not wait for a line that never ends.
    if (byte < 0x20 && byte !== tab && byte !== carriageReturn) return "other";
  }
  return searched < firstLineBytesMax ? "open" : "other";
}

function isRequestLine(bytes: Uint8Array, end: number): boolean {
  const line = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString("latin1");
  const target = line.indexOf(" ");
  const version = line.indexOf(" ", target + 1);
  return target >= 0 && version >= 0 && /^HTTP\/1\.\d\r?$/.test(line.slice(version + 1));
}
