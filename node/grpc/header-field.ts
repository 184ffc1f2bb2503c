/**
 * One header field as HPACK's tables keep it: what a request needs to know of it is worked out when the field is made,
 * once per table entry, so that a request made of table references costs no string work.
 */
import { latin1 } from "../lib/bytes.ts";
import { base64Problem, isBinaryName } from "./binary-metadata.ts";
import { parseTimeoutMs } from "./deadline.ts";
import type { Route } from "./route.ts";

/** What a name means to us. The numbers below 16 are also bits of `RequestHead`'s set of names seen. */
export const nameKind = {
  /** Request metadata without a meaning of its own. */
  metadata: 0,
  method: 1,
  scheme: 2,
  path: 3,
  authority: 4,
  contentType: 5,
  te: 6,
  timeout: 7,
  encoding: 8,
  contentLength: 9,
  host: 10,
  /** Reserved by gRPC: read over, never metadata. */
  reserved: 11,
  /** connection and its kin, an unknown pseudo-header, or no valid name: the request is malformed. */
  forbidden: 12,
} as const;

export class HeaderName {
  readonly text: string;
  readonly kind: number;
  readonly isPseudo: boolean;

  constructor(text: string, kind: number) {
    this.text = text;
    this.kind = kind;
    this.isPseudo = text.startsWith(":");
  }
}

const meaningful: Readonly<Record<string, number>> = {
  ":method": nameKind.method,
  ":scheme": nameKind.scheme,
  ":path": nameKind.path,
  ":authority": nameKind.authority,
  "content-type": nameKind.contentType,
  te: nameKind.te,
  "grpc-timeout": nameKind.timeout,
  "grpc-encoding": nameKind.encoding,
  "content-length": nameKind.contentLength,
  host: nameKind.host,
  "grpc-message-type": nameKind.reserved,
  "grpc-message": nameKind.reserved,
  "grpc-status": nameKind.reserved,
  connection: nameKind.forbidden,
  "keep-alive": nameKind.forbidden,
  "proxy-connection": nameKind.forbidden,
  "transfer-encoding": nameKind.forbidden,
  upgrade: nameKind.forbidden,
};
const known = new Map(
  Object.entries(meaningful).map(([text, kind]) => [text, new HeaderName(text, kind)]),
);
/** Lower-case token characters (RFC 9110 section 5.6.2, RFC 9113 section 8.2.1). */
const validName = /^[a-z0-9!#$%&'*+\-.^_`|~]+$/;

export function headerName(text: string): HeaderName {
  return (
    known.get(text) ??
    new HeaderName(text, validName.test(text) ? nameKind.metadata : nameKind.forbidden)
  );
}

/** What the value says is in `value` only; every other number means what its kind says. */
const noDatum = 0;
export const methodIsPost = 1;
export const contentTypeIsGrpc = 1;
export const teIsTrailers = 1;
export const schemeIsGiven = 1;

export class HeaderField {
  readonly name: HeaderName;
  /** Empty for a well-formed grpc-timeout: it differs per call, and nobody reads its text. */
  readonly value: string;
  /** Size in HPACK's sense: lengths of name and value and 32. */
  readonly size: number;
  /**
   * By kind: timeout: milliseconds, -1 if malformed; contentLength: bytes, -1 if malformed; method, contentType, te: 1
   * if it is the one that gRPC demands; scheme: 1 if it is not empty.
   */
  readonly datum: number;
  /** False: a byte that no value may hold (RFC 9113 section 8.2.1). */
  readonly isValid: boolean;
  /** The method behind a :path, looked up at its first use; null means there is none. */
  route: Route | null | undefined = undefined;

  constructor(name: HeaderName, value: string, size: number, datum: number, isValid: boolean) {
    this.name = name;
    this.value = value;
    this.size = size;
    this.datum = datum;
    this.isValid = isValid;
  }
}

/** Makes a field of the value bytes[start, end). */
export function headerField(
  name: HeaderName,
  bytes: Uint8Array,
  start: number,
  end: number,
): HeaderField {
  const size = name.text.length + (end - start) + 32;
  if (name.kind === nameKind.timeout) {
    const timeoutMs = parseTimeoutMs(bytes, start, end);
    const text = timeoutMs < 0 ? latin1(bytes, start, end) : "";
    return new HeaderField(
      name,
      text,
      size,
      timeoutMs,
      timeoutMs >= 0 || isValidValue(bytes, start, end),
    );
  }
  const value = latin1(bytes, start, end);
  return new HeaderField(name, value, size, datumOf(name, value), isValidValue(bytes, start, end));
}

export function staticField(name: string, value: string): HeaderField {
  const bytes = Buffer.from(value, "latin1");
  return headerField(headerName(name), bytes, 0, bytes.length);
}

function isValidValue(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte < 0x20 && byte !== 0x09) return false;
    if (byte === 0x7f) return false;
  }
  return true;
}

const grpcType = /^application\/grpc(?:$|[+;])/;

function datumOf(name: HeaderName, value: string): number {
  switch (name.kind) {
    case nameKind.metadata:
      return isBinaryName(name.text) ? base64Problem(value) : -1;
    case nameKind.method:
      return value === "POST" ? methodIsPost : noDatum;
    case nameKind.contentType:
      return grpcType.test(value) ? contentTypeIsGrpc : noDatum;
    case nameKind.scheme:
      return value === "" ? noDatum : schemeIsGiven;
    case nameKind.te:
      return /^trailers$/i.test(value) ? teIsTrailers : noDatum;
    case nameKind.contentLength:
      return /^[0-9]{1,15}$/.test(value) ? Number(value) : -1;
    default:
      return noDatum;
  }
}
