/**
 * A decoded request header block and the verdict on it: is it HTTP/2, is it gRPC, which method. Immutable once
 * finished, because all requests of a connection with the same header block share one.
 */
import { timeoutProblem } from "./deadline.ts";
import { gzipName } from "./gzip.ts";
import {
  contentTypeIsGrpc,
  type HeaderField,
  methodIsPost,
  nameKind,
  schemeIsGiven,
  teIsTrailers,
} from "./header-field.ts";
import type { FieldSink } from "./hpack-decoder.ts";
import { headerListBytesMax } from "./limits.ts";
import { ownHeaders } from "./response-encoder.ts";
import type { Route, Routes } from "./route.ts";
import { quote, type Refusal, statusCode } from "./status.ts";

const bit = (kind: number): number => 1 << kind;
const demandedPseudo = bit(nameKind.method) | bit(nameKind.scheme) | bit(nameKind.path);
/** Fields that may come once only; of the others the first counts. */
const single =
  demandedPseudo | bit(nameKind.authority) | bit(nameKind.host) | bit(nameKind.contentLength);

const grpcTypeStart = "application/grpc";
/** "application/grpc" and what may stand before a subtype. */
const plainTypeLength = "application/grpc+".length;

export class RequestHead implements FieldSink {
  /** RFC 9113 section 8.1.1: answered by RST_STREAM(PROTOCOL_ERROR), whatever else is wrong. */
  isMalformed = false;
  /** The list outgrew the limit; fields behind it were not looked at. */
  isTooLarge = false;
  /** No gRPC request at all: refused, but only when its body has come. */
  isForeign = false;
  /** The content-type does not even begin as gRPC's: plain HTTP, which a handler of its own may answer (plain-request.ts). */
  isPlain = false;
  /** Null when `route` is usable. */
  refusal: Refusal | null = null;
  route: Route | null = null;
  /** grpc-timeout; -1 without. */
  timeoutMs = -1;
  /** -1 without. */
  contentLength = -1;
  method = "";
  /** Names, values and 32 bytes each, of all fields up to the one that was too much. */
  listBytes = 0;
  /** grpc-encoding is gzip: messages may be compressed, and the answer's are. */
  isGzip = false;
  /** Header block of an answer with messages, where it is not the usual one. */
  answerHeaders: Uint8Array | null = null;

  private seen = 0;
  private hasRegular = false;
  private path: HeaderField | null = null;
  private authority: string | undefined = undefined;
  private contentType: string | undefined = undefined;
  private encoding = "";
  /** The last header with a value that cannot be read, in grpc-go's words. */
  private headerProblem = "";
  private readonly fields: HeaderField[] = [];

  add(field: HeaderField): void {
    this.listBytes += field.size;
    if (this.listBytes > headerListBytesMax) {
      this.isTooLarge = true;
      return;
    }
    const { name } = field;
    if (!field.isValid) this.isMalformed = true;
    if (name.isPseudo) {
      if (this.hasRegular) this.isMalformed = true;
    } else {
      this.hasRegular = true;
    }
    if (name.kind === nameKind.metadata) this.addMetadata(field);
    else this.addMeaningful(field, name.kind);
  }

  private addMetadata(field: HeaderField): void {
    this.fields.push(field);
    if (field.datum < 0) return;
    const { name, value, datum } = field;
    this.headerProblem = `malformed binary metadata ${quote(value)} in header ${quote(name.text)}: illegal base64 data at input byte ${datum}`;
  }

  private addMeaningful(field: HeaderField, kind: number): void {
    const isRepeated = (this.seen & bit(kind)) !== 0;
    this.seen |= bit(kind);
    if (isRepeated && (single & bit(kind)) !== 0) this.isMalformed = true;
    switch (kind) {
      case nameKind.method:
        this.method = field.datum === methodIsPost ? "POST" : field.value;
        break;
      case nameKind.scheme:
        if (field.datum !== schemeIsGiven) this.isMalformed = true;
        break;
      case nameKind.path:
        this.path = field;
        break;
      case nameKind.authority:
        this.authority = field.value;
        break;
      case nameKind.host:
        this.authority ??= field.value;
        break;
      case nameKind.contentType:
        this.contentType = field.value;
        this.isForeign = field.datum !== contentTypeIsGrpc;
        break;
      case nameKind.te:
        if (field.datum !== teIsTrailers) this.isMalformed = true;
        break;
      case nameKind.timeout:
        this.timeoutMs = field.datum;
        if (field.datum < 0)
          this.headerProblem = `malformed grpc-timeout: ${timeoutProblem(field.value, quote(field.value))}`;
        break;
      case nameKind.encoding:
        this.encoding = field.value;
        this.isGzip = field.value === gzipName;
        break;
      case nameKind.contentLength:
        this.contentLength = field.datum;
        if (field.datum < 0) this.isMalformed = true;
        break;
      case nameKind.forbidden:
        this.isMalformed = true;
        break;
      default:
        break;
    }
  }

  /** After the last field: the verdict, in the order in which grpc-go looks. */
  finish(routes: Routes): void {
    const { path } = this;
    if (this.isTooLarge) return;
    if ((this.seen & demandedPseudo) !== demandedPseudo || path === null || path.value === "")
      this.isMalformed = true;
    if (this.isMalformed || path === null) return;
    if (this.contentType === undefined) this.isForeign = true;
    this.isPlain = this.isForeign && this.contentType?.startsWith(grpcTypeStart) !== true;
    if (path.route === undefined) path.route = routes.find(path.value);
    this.route = this.isPlain ? null : path.route;
    if (
      this.isForeign ||
      this.route === null ||
      this.method !== "POST" ||
      this.headerProblem !== "" ||
      this.hasUnknownEncoding
    ) {
      this.refusal = this.refuse(routes, path.value);
    } else if (this.hasSubtype || this.isGzip) {
      this.answerHeaders = ownHeaders(this);
    }
  }

  get hasUnknownEncoding(): boolean {
    return this.encoding !== "" && this.encoding !== "identity" && !this.isGzip;
  }

  private get hasSubtype(): boolean {
    return this.contentType !== undefined && this.contentType.length > plainTypeLength;
  }

  private refuse(routes: Routes, path: string): Refusal {
    if (this.isForeign) {
      const text = `invalid gRPC request content-type ${quote(this.contentType ?? "")}`;
      return { httpStatus: 415, code: statusCode.invalidArgument, text };
    }
    if (this.headerProblem !== "")
      return { httpStatus: 400, code: statusCode.internal, text: this.headerProblem };
    if (this.method !== "POST") {
      const text = `Received a HEADERS frame with :method ${quote(this.method)} which should be POST`;
      return { httpStatus: 405, code: statusCode.internal, text };
    }
    if (this.route === null) return routes.refuse(path);
    const text = `grpc: Decompressor is not installed for grpc-encoding ${quote(this.encoding)}`;
    return { httpStatus: 200, code: statusCode.unimplemented, text };
  }

  /** :path as it came. */
  get pathText(): string {
    return this.path?.value ?? "";
  }

  metadata(name: string): string | undefined {
    if (name === ":authority") return this.authority;
    if (name === "content-type") return this.contentType;
    for (const field of this.fields) {
      if (field.name.text === name) return field.value;
    }
    return undefined;
  }
}

/** Trailers after a request's body: decoded because HPACK's table needs it, judged, and dropped. */
export class RequestTrailers implements FieldSink {
  isMalformed = false;

  add(field: HeaderField): void {
    if (field.name.isPseudo || field.name.kind === nameKind.forbidden || !field.isValid)
      this.isMalformed = true;
  }
}
