/** Answers that both ports give. */
import type { ServerResponse } from "node:http";
import type { Member } from "../server/member.ts";
import { serverVersion, storageVersion } from "../server/version.ts";

/** The way Go's net/http answers an error: plain text and a newline. */
export function plainError(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff" });
  response.end(`${text}\n`);
}

export function writeVersion(member: Member, response: ServerResponse): void {
  response.setHeader("Content-Type", "application/json");
  const etcdcluster = member.cluster.version ?? "not_decided";
  response.end(JSON.stringify({ etcdserver: serverVersion, etcdcluster, storage: storageVersion }));
}
