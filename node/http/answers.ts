/** Answers that both ports give. */
import type { ServerResponse } from "node:http";
import { serverVersion } from "../lib/etcd-version.ts";
import { jsonAnswer } from "../lib/http-answers.ts";
import type { Member } from "../server/member.ts";

/** Any web page may ask: etcd's answer to --cors=*, its default (server/embed/serve.go). */
export function allowAnyOrigin(response: ServerResponse): void {
  response.setHeader("Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE");
  response.setHeader("Access-Control-Allow-Origin", "*");
  response.setHeader("Access-Control-Allow-Headers", "accept, content-type, authorization");
}

export function writeVersion(member: Member, response: ServerResponse): void {
  const etcdcluster = member.cluster.version ?? "not_decided";
  const storage = member.cluster.storageVersion ?? "unknown";
  const versions = { etcdserver: serverVersion, etcdcluster, storage };
  jsonAnswer(response, JSON.stringify(versions));
}
