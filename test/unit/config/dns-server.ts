/** A small name server over UDP on loopback: A, AAAA and SRV records from a table; names that are not in it do not exist. */
import { createSocket, type Socket } from "node:dgram";

export interface SrvData {
  readonly priority?: number;
  readonly weight?: number;
  readonly port: number;
  readonly target: string;
}

export interface Zone {
  readonly a?: Readonly<Record<string, readonly string[]>>;
  readonly aaaa?: Readonly<Record<string, readonly string[]>>;
  readonly srv?: Readonly<Record<string, readonly SrvData[]>>;
}

const typeA = 1;
const typeAaaa = 28;
const typeSrv = 33;
const noSuchName = 3;

export class DnsServer {
  /** "127.0.0.1:port". */
  readonly address: string;
  /** Every name that was asked for, with its type's number. */
  readonly asked: string[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.address = `127.0.0.1:${socket.address().port}`;
  }

  static async start(zone: Zone): Promise<DnsServer> {
    const socket = createSocket("udp4");
    await new Promise<void>((bound) => socket.bind(0, "127.0.0.1", bound));
    const server = new DnsServer(socket);
    socket.on("message", (query, from) => {
      const { name, type, end } = question(query);
      server.asked.push(`${name} ${type}`);
      socket.send(answer(query.subarray(0, end), recordsOf(zone, name, type)), from.port);
    });
    return server;
  }

  close(): Promise<void> {
    return new Promise((closed) => this.#socket.close(() => closed()));
  }
}

function question(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at]!; length !== 0; length = query[at]!) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

/** Undefined for a name that has no record of any type. */
function recordsOf(zone: Zone, name: string, type: number): readonly Buffer[] | undefined {
  const isKnown = [zone.a, zone.aaaa, zone.srv].some((records) => records?.[name] !== undefined);
  if (!isKnown) return undefined;
  if (type === typeA)
    return (zone.a?.[name] ?? []).map((ip) => Buffer.from(ip.split(".").map(Number)));
  if (type === typeAaaa) {
    // Written out in full: eight groups.
    return (zone.aaaa?.[name] ?? []).map((ip) =>
      Buffer.from(
        ip.replaceAll(/[^:]+/g, (group) => group.padStart(4, "0")).replaceAll(":", ""),
        "hex",
      ),
    );
  }
  return type === typeSrv ? (zone.srv?.[name] ?? []).map(srvBytes) : [];
}

function srvBytes({ priority = 0, weight = 0, port, target }: SrvData): Buffer {
  const numbers = Buffer.alloc(6);
  numbers.writeUInt16BE(priority, 0);
  numbers.writeUInt16BE(weight, 2);
  numbers.writeUInt16BE(port, 4);
  const labels = target
    .split(".")
    .map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
  return Buffer.concat([numbers, ...labels, Buffer.from([0])]);
}

/** The query with its answers behind it; each names the question's name by a pointer. */
function answer(query: Buffer, records: readonly Buffer[] | undefined): Buffer {
  const head = Buffer.from(query);
  head.writeUInt16BE(0x8580 | (records === undefined ? noSuchName : 0), 2);
  head.writeUInt16BE(records?.length ?? 0, 6);
  head.writeUInt32BE(0, 8);
  const type = head.readUInt16BE(head.length - 4);
  const answers = (records ?? []).map((data) => {
    const fields = Buffer.alloc(12);
    fields.writeUInt16BE(0xc00c, 0);
    fields.writeUInt16BE(type, 2);
    fields.writeUInt16BE(1, 4);
    fields.writeUInt16BE(data.length, 10);
    return Buffer.concat([fields, data]);
  });
  return Buffer.concat([head, ...answers]);
}
