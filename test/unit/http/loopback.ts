/** One request over a real loopback connection, and its answer as bytes: no client library smooths anything. */
import { connect } from "node:net";
import { systemNet } from "../../../node/lib/platform/net.ts";
import type { ByteSocket } from "../../../node/lib/ports.ts";

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Serves one connection, sends `request`, and reads until the server closes. */
export async function exchange(
  serve: (socket: ByteSocket) => void,
  request: string,
): Promise<Answer> {
  const listener = await systemNet.listen({ host: "127.0.0.1", port: 0 }, serve);
  const { host, port } = listener.address;
  try {
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, host, () => socket.write(request));
      let received = "";
      socket.on("data", (chunk) => {
        received += chunk.toString("latin1");
      });
      socket.on("end", () => resolve(received));
      socket.on("error", reject);
    });
    return parse(text);
  } finally {
    await listener.close();
  }
}

export const get = (path: string, method = "GET"): string =>
  `${method} ${path} HTTP/1.1\r\nHost: member\r\nConnection: close\r\n\r\n`;

function parse(text: string): Answer {
  const end = text.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = text.slice(0, end).split("\r\n");
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { status: Number(statusLine.split(" ")[1]), headers, body: text.slice(end + 4) };
}
