/** The stream of a watch: lines of JSON, one event each, cut out of the chunks in which they come. */
import { ApiError, errorOfStatus } from "./api-error.ts";
import { isStoredObject, type KubernetesObject } from "./resource.ts";

export type WatchEvent =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: KubernetesObject }
  /** Nothing changed up to this resourceVersion. */
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string }
  /** The server gives the watch up; "Expired" asks for a new list. */
  | { readonly type: "ERROR"; readonly error: ApiError };

/** Two objects of etcd's largest size and their JSON around; a longer line is not from an API server. */
const lineLengthMax = 16 * 1024 * 1024;

/** Ends when the chunks do. Throws ApiError "Unanswered" for what is no event; a last line without its end is dropped. */
export async function* watchEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<WatchEvent> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > lineLengthMax) throw malformed("a line of the watch is too long");
    for (const line of lines) {
      if (line.trim() !== "") yield eventOf(line);
    }
  }
}

function malformed(message: string, cause?: unknown): ApiError {
  return new ApiError({ kind: "Unanswered", message, cause });
}

function eventOf(line: string): WatchEvent {
  let event: { readonly type?: unknown; readonly object?: unknown } | null;
  try {
    event = JSON.parse(line) as typeof event;
  } catch (error) {
    throw malformed("a line of the watch is not JSON", error);
  }
  const type = event?.type;
  const object = event?.object;
  if (type === "ERROR") return { type, error: errorOfStatus(0, object) };
  if (type === "BOOKMARK") {
    // It has the kind's type and nothing in it but the version.
    const bookmark = object as {
      readonly metadata?: { readonly resourceVersion?: unknown };
    } | null;
    const resourceVersion = bookmark?.metadata?.resourceVersion;
    if (typeof resourceVersion !== "string") throw malformed("a bookmark without resourceVersion");
    return { type, resourceVersion };
  }
  if ((type === "ADDED" || type === "MODIFIED" || type === "DELETED") && isStoredObject(object)) {
    return { type, object };
  }
  throw malformed("a line of the watch is no event");
}
