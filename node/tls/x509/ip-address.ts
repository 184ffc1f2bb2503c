/** IP addresses as text and as the bytes that a certificate holds. */

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const ipv6 = /^[\da-f:.]+$/i;

/**
 * 4 or 16 bytes; undefined for what is no address, among them those with a zone, which certificates do not know. An IPv4 address in
 * IPv6 dress (::ffff:10.0.0.1) is the IPv4 address, as for Go.
 */
export function ipBytes(address: string): Uint8Array | undefined {
  if (ipv4.test(address)) return Uint8Array.from(address.split("."), Number);
  const url = `http://[${address}]`;
  if (!ipv6.test(address) || !URL.canParse(url)) return undefined;
  // The URL standard has one form: no dots, the longest run of zero groups as "::".
  const [head = "", tail] = new URL(url).hostname.slice(1, -1).split("::");
  const groups = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const first = groups(head);
  const last = groups(tail ?? "");
  const zeros = new Array<number>(8 - first.length - last.length).fill(0);
  const all = [...first, ...zeros, ...last];
  const bytes = Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
  const isMapped = all.slice(0, 5).every((group) => group === 0) && all[5] === 0xffff;
  return isMapped ? bytes.subarray(12) : bytes;
}

/** The shortest form (RFC 5952) of 4 or 16 bytes; hexadecimal digits for any other number, which a broken certificate may hold. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const hex = Buffer.from(bytes).toString("hex");
  if (bytes.length !== 16) return hex;
  return new URL(`http://[${hex.replace(/.{4}(?=.)/g, "$&:")}]`).hostname.slice(1, -1);
}
