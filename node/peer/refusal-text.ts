/** Reading the short text with which another member turns a request away. */
import type { IncomingMessage } from "node:http";
import { toText } from "../lib/bytes.ts";

/** More than any refusal has; what comes behind it is not read. */
const textBytesMax = 4096;

/** Reads an answer's text, without the line end. `done` runs once, when it is there; not where the connection breaks before. */
export function textOfAnswer(response: IncomingMessage, done: (text: string) => void): void {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let isDone = false;
  const finish = (): void => {
    if (isDone) return;
    isDone = true;
    done(toText(Buffer.concat(chunks)).trimEnd());
  };
  response.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= textBytesMax) chunks.push(chunk);
    else finish();
  });
  response.once("end", finish);
}
