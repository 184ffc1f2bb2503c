/** Requests that are written onto a TLS connection byte by byte, and what comes back, to the last byte. */
import { connect } from "node:tls";
import type { TestLeaf } from "../support/pki.ts";

export type RawVersion = "TLSv1.2" | "TLSv1.3";

export interface RawDial {
  /** host:port. */
  readonly address: string;
  readonly ca: string;
  readonly leaf: TestLeaf;
  readonly version: RawVersion;
}

export interface RawAnswer {
  readonly question: string;
  /** "" where not a byte came. */
  readonly text: string;
}

const headers = {
  "X-Etcd-Cluster-ID": "1",
  "X-Server-From": "2",
  "X-Server-Version": "3.7.1",
  "X-Min-Cluster-Version": "3.0.0",
  "X-Raft-To": "3",
  "X-PeerURLs": "https://127.0.0.1:1",
};

/** Every path of the peer port, by the method that it is made for. */
export const peerQuestions: readonly string[] = [
  "POST /raft",
  "POST /raft/snapshot",
  "GET /raft/stream/message/2",
  "GET /raft/stream/msgapp/2",
  "GET /raft/probing",
  "GET /members",
  "POST /members/promote/2",
  "GET /members/hashkv",
  "POST /leases",
  "POST /leases/internal",
  "GET /version",
  "GET /downgrade/enabled",
  "GET /metrics",
  "GET /",
];

/** Both ends in the answer: when the server closes, or a moment after the head of an answer has come. */
export function rawQuestion(dial: RawDial, question: string): Promise<RawAnswer> {
  const { address, ca, leaf, version } = dial;
  const [host = "", port] = address.split(":");
  return new Promise((resolve) => {
    let text = "";
    const socket = connect({
      ...{ host, port: Number(port), ca, minVersion: version, maxVersion: version },
      ...{ cert: leaf.certPem, key: leaf.keyPem },
    });
    socket.once("secureConnect", () => socket.write(requestOf(question, address)));
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      // Streams do not end.
      if (text.includes("\r\n\r\n")) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.once("close", () => resolve({ question, text }));
  });
}

function requestOf(question: string, address: string): string {
  const body = question.startsWith("POST") ? "\x08\x01" : "";
  const all = { Host: address, ...headers, "Content-Length": body.length, Connection: "close" };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${question} HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}
