/** HTTP answers as Go's net/http makes them, for every floor that serves HTTP. */

/** What is used of a response, of which nothing has been sent yet: Node.js's ServerResponse is one. */
export interface AnswerTo {
  statusCode: number;
  setHeader(name: string, value: string | number): unknown;
  end(body: string): unknown;
}

/** The same for who makes an answer that takes long, and may stop when nobody waits for it any more. */
export interface PatientAnswer extends AnswerTo {
  /** Runs once: when the answer is sent, or the client is gone before. */
  once(event: "close", run: () => void): unknown;
}

const plainText = "text/plain; charset=utf-8";

/** A body with its length: what is known whole is not sent in chunks. */
export function answer(response: AnswerTo, contentType: string, body: string): void {
  response.setHeader("Content-Type", contentType);
  response.setHeader("Content-Length", Buffer.byteLength(body));
  response.end(body);
}

export function jsonAnswer(response: AnswerTo, body: string): void {
  answer(response, "application/json", body);
}

export function plainAnswer(response: AnswerTo, body: string): void {
  answer(response, plainText, body);
}

/** The way Go's net/http answers an error: plain text and a newline. */
export function plainError(response: AnswerTo, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader("X-Content-Type-Options", "nosniff");
  plainAnswer(response, `${text}\n`);
}

/** For every method but the one that is allowed. */
export function methodNotAllowed(response: AnswerTo, allowed = "GET"): void {
  response.setHeader("Allow", allowed);
  plainError(response, 405, "Method Not Allowed");
}
