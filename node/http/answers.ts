/** Answers that both ports give. */
import type { ServerResponse } from "node:http";
import type { Member } from "../server/member.ts";
import { serverVersion, storageVersion } from "../server/version.ts";

const plainText = "text/plain; charset=utf-8";

/** A body with its length: what is known whole is not sent in chunks. */
export function answer(response: ServerResponse, contentType: string, body: string): void {
  response.setHeader("Content-Type", contentType);
  response.setHeader("Content-Length", Buffer.byteLength(body));
  response.end(body);
}

export function jsonAnswer(response: ServerResponse, body: string): void {
  answer(response, "application/json", body);
}

export function plainAnswer(response: ServerResponse, body: string): void {
  answer(response, plainText, body);
}

/** The way Go's net/http answers an error: plain text and a newline. */
export function plainError(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader("X-Content-Type-Options", "nosniff");
  plainAnswer(response, `${text}\n`);
}

/** For everything but GET. */
export function methodNotAllowed(response: ServerResponse): void {
  response.setHeader("Allow", "GET");
  plainError(response, 405, "Method Not Allowed");
}

/** Any web page may ask: etcd's answer to --cors=*, its default (server/embed/serve.go). */
export function allowAnyOrigin(response: ServerResponse): void {
  response.setHeader("Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE");
  response.setHeader("Access-Control-Allow-Origin", "*");
  response.setHeader("Access-Control-Allow-Headers", "accept, content-type, authorization");
}

export function writeVersion(member: Member, response: ServerResponse): void {
  const etcdcluster = member.cluster.version ?? "not_decided";
  const versions = { etcdserver: serverVersion, etcdcluster, storage: storageVersion };
  jsonAnswer(response, JSON.stringify(versions));
}
