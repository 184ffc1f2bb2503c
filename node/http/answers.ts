/** Answers that both ports give. */
import { serverVersion } from "../lib/etcd-version.ts";
import { type AnswerTo, jsonAnswer } from "../lib/http-answers.ts";
import type { Member } from "../server/member.ts";

export function writeVersion(member: Member, response: AnswerTo): void {
  const etcdcluster = member.cluster.version ?? "not_decided";
  const storage = member.cluster.storageVersion ?? "unknown";
  const versions = { etcdserver: serverVersion, etcdcluster, storage };
  jsonAnswer(response, JSON.stringify(versions));
}
