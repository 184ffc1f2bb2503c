/** One short question to one address of another member, with a limit for its answer in time and in bytes. */
import type { IncomingHttpHeaders } from "node:http";
import { toText } from "../lib/bytes.ts";
import type { Timers } from "../lib/ports.ts";
import { type Dialer, type DialRequest, errorText } from "./dial.ts";

export interface Question extends DialRequest {
  /** A member's peer URL. */
  readonly url: string;
  /** From the question to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Of a POST. */
  readonly body?: Uint8Array;
  /** More of an answer is not taken; by default more than the list of the largest cluster takes. */
  readonly answerBytesMax?: number;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

const answerBytesMaxDefault = 4 * 1024 * 1024;

/** Rejects with an Error when there is no whole answer in time. Redirections are answers like any other. */
export function ask(
  { dialer, timers }: { readonly dialer: Dialer; readonly timers: Timers },
  { url, timeoutMs, body, answerBytesMax = answerBytesMaxDefault, ...rest }: Question,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = dialer.request(url, rest);
    const fail = (error: Error): void => {
      timer.cancel();
      reject(new Error(errorText(error)));
      request.destroy();
    };
    const timer = timers.after(timeoutMs, () => fail(new Error(`no answer in ${timeoutMs} ms`)));
    request.on("error", fail);
    request.on("close", () => fail(new Error("the connection was closed")));
    request.on("response", (response) => {
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > answerBytesMax)
          fail(new Error(`an answer of more than ${answerBytesMax} bytes`));
      });
      response.on("end", () => {
        timer.cancel();
        const { statusCode: status = 0, headers } = response;
        resolve({ status, headers, body: Buffer.concat(chunks) });
      });
    });
    request.end(body);
  });
}

/** Its body as a text, for a log or to look for a reason in. */
export const textOf = ({ body }: Reply): string => toText(body).trimEnd();
