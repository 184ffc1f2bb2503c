/** Clients that begin a TLS handshake and leave it hanging, each at another point. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";

/** The first message of a client of TLS 1.3, as OpenSSL writes it. */
async function clientHello(): Promise<Buffer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const client = connectSecurely({ host: "127.0.0.1", port, ALPNProtocols: ["h2"] });
  client.on("error", () => undefined);
  const [socket] = (await once(server, "connection")) as [Socket];
  const [hello] = (await once(socket, "data")) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}

/** So many connections, a third of each kind: nothing is said, half of a hello, a hello and no more. Resolves when all stand. */
export async function hang(address: string, count: number): Promise<readonly Socket[]> {
  const hello = await clientHello();
  const words = [Buffer.alloc(0), hello.subarray(0, hello.length >> 1), hello];
  const [host = "", port] = address.split(":");
  return Promise.all(
    Array.from({ length: count }, async (_, at) => {
      const socket = connect({ host, port: Number(port) });
      socket.on("error", () => undefined);
      // What it is told is read, as a client does that thinks about it.
      socket.resume();
      await once(socket, "connect");
      socket.write(words[at % words.length] ?? "");
      return socket;
    }),
  );
}
