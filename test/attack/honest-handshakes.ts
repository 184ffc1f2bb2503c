/** An honest client that connects over mutual TLS, again and again, each time until the member speaks HTTP/2 to it. */
import { connect, createSecureContext, type SecureContext } from "node:tls";
import { clientSide } from "../support/server-process.ts";
import type { TlsMember } from "./tls-member.ts";

/** Milliseconds of each whole handshake, and what went wrong with the others. The last one is awaited. */
export async function handshakesUntil(
  { port, tls }: TlsMember,
  isOver: () => boolean,
): Promise<{ putMs: number[]; errors: string[] }> {
  const secureContext = createSecureContext(clientSide(tls));
  const putMs: number[] = [];
  const errors: string[] = [];
  do {
    const startMs = performance.now();
    try {
      await handshake(port, secureContext);
      putMs.push(performance.now() - startMs);
    } catch (error) {
      errors.push(String(error));
    }
  } while (!isOver());
  return { putMs, errors };
}

/** With TLS 1.3 the client is content before the member has seen its certificate: the member's first bytes tell that it is admitted. */
function handshake(port: number, secureContext: SecureContext): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...{ port, secureContext, host: "127.0.0.1", localAddress: "127.0.0.1" },
      ALPNProtocols: ["h2"],
    });
    socket.once("secureConnect", () => socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    socket.once("data", () => {
      resolve();
      socket.destroy();
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the member has closed the connection")));
  });
}
