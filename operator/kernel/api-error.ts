/**
 * What can go wrong with a request to the API server: one closed union of kinds, made from HTTP's code and the reason of Kubernetes'
 * Status (apimachinery meta/v1 StatusReason). Nobody matches on message text.
 */

export type ApiErrorKind =
  | "BadRequest"
  | "Unauthorized"
  | "Forbidden"
  | "NotFound"
  | "AlreadyExists"
  /** The object changed since it was read, a precondition failed, or another manager owns a field. */
  | "Conflict"
  /** The resourceVersion or continue token is compacted: list again. */
  | "Expired"
  | "Invalid"
  | "TooLarge"
  | "TooManyRequests"
  /** The server itself gave up waiting (408, 504). */
  | "ServerTimeout"
  | "ServerError"
  /** Any other refusal, such as 405 and 415. */
  | "Refused"
  /** The request never left: no connection, or a guard forbade it. */
  | "NotSent"
  /** The request left and no whole answer came: time-out or broken connection. */
  | "Unanswered";

/** Kinds after which a mutation may have happened nevertheless. */
const mayHaveHappened: ReadonlySet<ApiErrorKind> = new Set<ApiErrorKind>([
  "ServerTimeout",
  "ServerError",
  "Unanswered",
]);

/** Kinds that the same request may not meet again a little later. */
const isTransient: ReadonlySet<ApiErrorKind> = new Set<ApiErrorKind>([
  "TooManyRequests",
  "ServerTimeout",
  "ServerError",
  "NotSent",
  "Unanswered",
]);

interface StatusCause {
  readonly reason?: string;
  readonly field?: string;
  readonly message?: string;
}

export interface ApiErrorInit {
  readonly kind: ApiErrorKind;
  readonly message: string;
  /** HTTP's code; 0 where no answer came. */
  readonly code?: number;
  /** Status.reason as sent. */
  readonly reason?: string;
  readonly causes?: readonly StatusCause[];
  /** What the server asked us to wait. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly kind: ApiErrorKind;
  readonly code: number;
  readonly reason: string;
  readonly causes: readonly StatusCause[];
  readonly retryAfterMs: number | undefined;

  constructor(init: ApiErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.kind = init.kind;
    this.code = init.code ?? 0;
    this.reason = init.reason ?? "";
    this.causes = init.causes ?? [];
    this.retryAfterMs = init.retryAfterMs;
  }

  /** True when a mutation that ended so may have been carried out: read again before acting again. */
  get mayHaveHappened(): boolean {
    return mayHaveHappened.has(this.kind);
  }

  get isTransient(): boolean {
    return isTransient.has(this.kind);
  }
}

/** Whether `error` is an ApiError of one of these kinds. */
export function isApiError(error: unknown, ...kinds: readonly ApiErrorKind[]): error is ApiError {
  return error instanceof ApiError && (kinds.length === 0 || kinds.includes(error.kind));
}

/** A mutation was asked for outside of the leader's term; nothing was sent. */
export class NotLeadingError extends Error {
  override readonly name = "NotLeadingError";
}

function kindOf(code: number, reason: string): ApiErrorKind {
  if (reason === "AlreadyExists") return "AlreadyExists";
  if (reason === "Expired" || reason === "Gone") return "Expired";
  switch (code) {
    case 400:
      return "BadRequest";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "NotFound";
    case 408:
    case 504:
      return "ServerTimeout";
    case 409:
      return "Conflict";
    case 410:
      return "Expired";
    case 413:
      return "TooLarge";
    case 422:
      return "Invalid";
    case 429:
      return "TooManyRequests";
    default:
      return code >= 500 ? "ServerError" : "Refused";
  }
}

interface StatusJson {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly causes?: readonly StatusCause[];
    readonly retryAfterSeconds?: number;
  };
}

function asStatus(value: unknown): StatusJson {
  const isStatus =
    typeof value === "object" && value !== null && "kind" in value && value.kind === "Status";
  return isStatus ? (value as StatusJson) : {};
}

/**
 * The error of an answer, or of a watch's ERROR event (then `code` is 0 and Status.code counts). `body` may be anything: proxies in
 * between answer with pages of their own.
 */
export function errorOfStatus(code: number, body: unknown, retryAfterMs?: number): ApiError {
  const status = asStatus(body);
  const effectiveCode = code === 0 ? (status.code ?? 500) : code;
  const reason = status.reason ?? "";
  const seconds = status.details?.retryAfterSeconds;
  return new ApiError({
    kind: kindOf(effectiveCode, reason),
    message: status.message ?? `the API server answered ${effectiveCode}`,
    code: effectiveCode,
    reason,
    causes: status.details?.causes ?? [],
    retryAfterMs:
      retryAfterMs ?? (seconds === undefined || seconds <= 0 ? undefined : seconds * 1000),
  });
}
