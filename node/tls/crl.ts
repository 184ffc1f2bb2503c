/**
 * Certificate revocation lists (RFC 5280 5): the serials that stand in them. As etcd (transport.checkCRL), a list counts for every issuer, and
 * neither its signature nor its dates are looked at: whoever may write the file may revoke.
 *
 * A list may name a hundred thousand certificates, so it is walked by offsets, with nothing allocated but the serials, and the walk pauses at times: node-forge's
 * asn1 would hold up the heartbeats for 35 ms with such a list before the first serial is taken out; this walk takes 40 ms in all, in turns of 5.
 */
import { pemBlocks, pemBytes } from "./pem-blocks.ts";

/** Serials in lower-case hex without leading zero bytes: see serialText. */
export type RevokedSerials = ReadonlySet<string>;

const tags = { integer: 0x02, utcTime: 0x17, generalizedTime: 0x18, sequence: 0x30 };
const serialsPerTurn = 10_000;

/**
 * Reads a list in DER, or all lists of a PEM text. `pause` gives the event loop a turn. Throws an Error that says what is wrong: also where
 * bytes are missing or left over, because a list that is half written must not count.
 */
export async function readRevokedSerials(
  bytes: Uint8Array,
  pause: () => Promise<void>,
): Promise<RevokedSerials> {
  const serials = new Set<string>();
  for (const der of listsIn(bytes)) await addSerials(der, serials, pause);
  return serials;
}

/** How a serial is written in RevokedSerials, from what X509Certificate.serialNumber says. */
export function serialText(serialNumber: string): string {
  const hex = serialNumber.toLowerCase().replace(/^-/, "");
  return withoutZeroBytes(hex.length % 2 === 0 ? hex : `0${hex}`);
}

const withoutZeroBytes = (hex: string): string => hex.replace(/^(00)+/, "");

function listsIn(bytes: Uint8Array): readonly Uint8Array[] {
  if (bytes[0] === tags.sequence) return [bytes];
  const lists = pemBlocks(Buffer.from(bytes).toString("latin1")).filter(
    ({ label }) => label === "X509 CRL",
  );
  if (lists.length === 0) throw new Error("it holds no certificate revocation list");
  return lists.map(pemBytes);
}

async function addSerials(
  der: Uint8Array,
  serials: Set<string>,
  pause: () => Promise<void>,
): Promise<void> {
  const cursor = new DerCursor(der);
  const entries = entriesOf(cursor);
  if (entries === undefined) return;
  let count = 0;
  for (let at = entries.start; at < entries.end; ) {
    cursor.element(at, entries.end, tags.sequence);
    at = cursor.end;
    cursor.element(cursor.start, cursor.end, tags.integer);
    serials.add(cursor.serial());
    count += 1;
    if (count % serialsPerTurn === 0) await pause();
  }
}

/** Where the entries stand; undefined when the list has none. The cursor stays usable. */
function entriesOf(cursor: DerCursor): { start: number; end: number } | undefined {
  cursor.element(0, cursor.bytes.length, tags.sequence);
  if (cursor.end !== cursor.bytes.length) throw new Error("bytes are left over behind the list");
  const listEnd = cursor.end;
  // TBSCertList: version OPTIONAL, signature, issuer, thisUpdate, nextUpdate OPTIONAL, revokedCertificates OPTIONAL, [0] extensions OPTIONAL.
  cursor.element(cursor.start, listEnd, tags.sequence);
  const signedEnd = cursor.end;
  let at = cursor.start;
  if (cursor.bytes[at] === tags.integer) at = cursor.element(at, signedEnd, tags.integer);
  at = cursor.element(at, signedEnd, tags.sequence);
  at = cursor.element(at, signedEnd, tags.sequence);
  at = cursor.element(at, signedEnd, tags.utcTime, tags.generalizedTime);
  if (cursor.bytes[at] === tags.utcTime || cursor.bytes[at] === tags.generalizedTime)
    at = cursor.element(at, signedEnd, tags.utcTime, tags.generalizedTime);
  if (at >= signedEnd || cursor.bytes[at] !== tags.sequence) return undefined;
  cursor.element(at, signedEnd, tags.sequence);
  return { start: cursor.start, end: cursor.end };
}

/** One element at a time: `start` and `end` are the borders of its content. */
class DerCursor {
  readonly bytes: Buffer;
  start = 0;
  end = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Goes to the element at `at`, which ends at or before `limit` and has one of two tags; gives where it ends. */
  element(at: number, limit: number, tag: number, otherTag = tag): number {
    const { bytes } = this;
    const found = at + 1 < limit ? (bytes[at] as number) : -1;
    if (found !== tag && found !== otherTag)
      throw new Error(`it is no certificate revocation list, or cut off (at byte ${at})`);
    const first = bytes[at + 1] as number;
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    const start = at + 2 + lengthBytes;
    if (lengthBytes > 4 || first === 0x80 || start > limit)
      throw new Error(`its encoding is broken at byte ${at}`);
    const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
    if (start + length > limit) throw new Error(`it is cut off (at byte ${at})`);
    this.start = start;
    this.end = start + length;
    return this.end;
  }

  /** The INTEGER under the cursor as its magnitude, as Go's big.Int.Bytes. */
  serial(): string {
    const { bytes, start, end } = this;
    if (start === end) throw new Error(`a serial is empty (at byte ${start})`);
    if ((bytes[start] as number) < 0x80) return withoutZeroBytes(bytes.toString("hex", start, end));
    const magnitude = -BigInt.asIntN(
      8 * (end - start),
      BigInt(`0x${bytes.toString("hex", start, end)}`),
    );
    return serialText(magnitude.toString(16));
  }
}
