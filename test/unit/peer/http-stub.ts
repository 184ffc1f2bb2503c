/** Another member's peer port, as a test wants it to answer. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export class HttpStub {
  /** What was asked, "GET /path". */
  readonly asked: string[] = [];
  /** The heads of the requests, as they came. */
  readonly heads: IncomingMessage["headers"][] = [];
  connections = 0;
  private readonly server: Server;

  private constructor(answer: RequestListener) {
    this.server = createServer((request, response) => {
      this.asked.push(`${request.method} ${request.url}`);
      this.heads.push(request.headers);
      answer(request, response);
    });
    this.server.on("connection", () => {
      this.connections += 1;
    });
  }

  static async start(answer: RequestListener): Promise<HttpStub> {
    const stub = new HttpStub(answer);
    stub.server.listen(0, "127.0.0.1");
    await once(stub.server, "listening");
    return stub;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
