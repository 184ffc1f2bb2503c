/**
 * Ports for members that end and come back. Below the range from which systems take ports of outgoing connections (Linux:
 * 32768 and up, macOS: 49152 and up), so that none of those sits on the port while the member is down.
 */
import { randomInt } from "node:crypto";
import { createServer } from "node:net";

const portMin = 10_240;
const portEnd = 32_768;

const given = new Set<number>();

/** A port that was free a moment ago, and was not given to anyone in this process. */
export async function stablePort(): Promise<number> {
  for (;;) {
    const port = randomInt(portMin, portEnd);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
