/** What is seen of members that cannot be asked. */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import type { EtcdMember } from "../../../../operator/api/v1alpha1/types.ts";
import { MemberClient } from "../../../../operator/maintenance/member-client.ts";
import { clusterOf } from "../../../operator/model/objects.ts";

const host = `127.${randomInt(1, 250)}.${randomInt(1, 250)}.99`;
const memberAt = (scheme: string) =>
  [
    { metadata: { name: "db-a" }, spec: { peerURL: `${scheme}://${host}:2380` } },
  ] as unknown as readonly EtcdMember[];

for (const [what, scheme, tls, reason] of [
  ["nobody listens", "http", "none", /./],
  ["the Secret is missing", "https", "missing", /the Secret with the operator's certificate/],
  [
    "the certificate is none",
    "https",
    { ca: "x", certificate: "y", key: "z" },
    /the operator's certificate cannot be used/,
  ],
] as const) {
  test(`where ${what}, a member is silent and says why, and requests are refused`, async () => {
    const client = new MemberClient();
    try {
      client.aim(clusterOf(), memberAt(scheme), tls);
      const sight = await client.look();
      const answer = sight.answers.get("db-a");
      assert.ok(answer?.kind === "silent");
      assert.match(answer.reason, reason);
      assert.equal(sight.list.kind, "unknown");
      await assert.rejects(client.compact("db-a", 1), { name: "ClientError" });
      await assert.rejects(client.exposition("db-a"));
    } finally {
      client.close();
    }
  });
}
