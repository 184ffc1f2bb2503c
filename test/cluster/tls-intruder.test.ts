/**
 * A member whose certificate has a name that is not allowed, of the right CA: it was added, knows the cluster's addresses, and still does not come in. With the right
 * certificate the same member does.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { needs } from "../support/peers.ts";
import { writeFiles } from "../support/pki/files.ts";
import type { ClusterMember, MemberKind } from "./cluster-member.ts";
import { ProcessCluster } from "./process-cluster.ts";
import { clusterPki, memberHostname, memberName, peerLeaf } from "./tls-pki.ts";
import { until } from "./until.ts";

const rules = [
  { rule: `--peer-cert-allowed-cn=${memberName}`, wrong: { commonName: "stranger" } },
  {
    rule: `--peer-cert-allowed-hostname=${memberHostname}`,
    wrong: { hostname: "strangers.example" },
  },
] as const;
const kinds: readonly MemberKind[] = ["etcd-ts", "etcd"];
/** It would be in within one. */
const triesForMs = 6000;

for (const [at, kind] of kinds.entries()) {
  const { rule, wrong } = rules[at] ?? rules[0];
  test(
    `${kind === "etcd" ? "an etcd" : "one of ours"} whose certificate breaks ${rule} does not come in`,
    needs("etcd"),
    async () => {
      const directory = mkdtempSync(join(tmpdir(), "etcd-ts-tls-intruder-"));
      const { ca, ...tls } = clusterPki(directory);
      const cluster = await ProcessCluster.start({
        members: [{ kind: "etcd-ts" }],
        tls,
        flags: [rule],
      });
      try {
        const [founder] = cluster.members;
        assert(founder !== undefined);
        const stranger = peerLeaf(ca, wrong);
        const files = { "own.crt": stranger.certPem, "own.key": stranger.keyPem };
        const own = writeFiles(directory, files);
        // A learner: the cluster goes on without it.
        const intruder = await cluster.introduceMember(
          {
            kind,
            flags: [`--peer-cert-file=${own["own.crt"]}`, `--peer-key-file=${own["own.key"]}`],
          },
          { through: founder, isLearner: true },
        );
        intruder.start();
        const hasEnded = (): true | undefined => (intruder.isRunning ? undefined : true);
        await until("its end", hasEnded, triesForMs).catch(() => undefined);
        await assertOutside(founder, intruder);
        await intruder.stop("SIGKILL");

        const right = peerLeaf(ca);
        writeFiles(directory, { "own.crt": right.certPem, "own.key": right.keyPem });
        intruder.start();
        await until("the member is in", async () => {
          const { members } = await founder.client.memberList();
          return members.some(({ name }) => name === intruder.name) ? true : undefined;
        });
      } finally {
        await cluster.close();
        rmSync(directory, { recursive: true, force: true });
      }
    },
  );
}

/** It has told the cluster nothing, and knows nothing of it; and the log says why. */
async function assertOutside(founder: ClusterMember, intruder: ClusterMember): Promise<void> {
  await founder.client.put("key", "value");
  const { members } = await founder.client.memberList();
  const listed = members.find(({ id }) => id === intruder.id);
  assert.deepEqual([listed?.name, listed?.isLearner], ["", true]);
  assert.doesNotMatch(founder.log(), /"(established|peer became active)/);
  const refused = founder
    .log()
    .split("\n")
    .filter((line) => line.includes('"rejected connection on peer endpoint"'));
  assert(refused.length > 0, intruder.log());
  for (const line of refused) {
    const { error, "remote-addr": address } = JSON.parse(line) as Record<string, string>;
    assert.equal(error, "client certificate authentication failed");
    assert.match(address ?? "", /^127\.0\.0\.1:\d+$/);
  }
  assert.doesNotMatch(intruder.log(), /"(established TCP streaming|ready to serve)/);
}
