/**
 * spec.tls.mode Provided: the certificates are somebody else's. A cluster of three comes up with them, and they are replaced by those of another CA, as people
 * do it: first both CAs are trusted, then the new one issues, then the old one is trusted no more. Nobody notices.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { kubectl } from "../support/kubectl.ts";
import { type Leaf, OpensslCa } from "../support/openssl.ts";
import { until } from "../support/wait.ts";
import { assertUnnoticed } from "../support/writer.ts";
import type { Scene } from "./story.ts";

const peerName = "a-peer-of-the-story";
/** After the last file has come: members look each second, and so does the operator's next connection. */
const takenUpMs = 3000;

/** Where each CA stands in the pods of members. */
const caFiles = ["server-ca.crt", "peer-ca.crt"];

export async function providedStory(scene: Scene): Promise<void> {
  const { cluster } = scene;
  const [before, after] = [await OpensslCa.make("before"), await OpensslCa.make("after")];
  try {
    await scene.step("a cluster of three, with Secrets made by openssl", async () => {
      await cluster.makeNamespace();
      await cluster.apply(spec);
      await untilReason(scene, "CertificatesMissing");
      await writeSecrets(scene, before, [before]);
      await cluster.untilAsWanted(3);
    });
    const { pods, leader } = await stateOf(scene);
    const writer = await scene.writer();
    await scene.step("both CAs are trusted", async () => {
      await writeSecrets(scene, before, [before, after]);
      await untilThere(scene, caFiles, after.certificate);
    });
    await writer.works();
    await scene.step("the new CA issues", async () => {
      const { server, peer } = await writeSecrets(scene, after, [before, after]);
      await untilThere(scene, ["server.crt"], server);
      await untilThere(scene, ["peer.crt"], peer);
    });
    await writer.works();
    await scene.step("the old CA is trusted no more", async () => {
      await writeSecrets(scene, after, [after]);
      await untilGone(scene, caFiles, before.certificate);
    });
    await writer.works(100);
    await cluster.untilAsWanted(3);
    assert.deepEqual(await stateOf(scene), { pods, leader }, "no restart, no election");
    const verdict = await scene.judge(writer);
    scene.say(
      `the writer's own certificate or its CAs changed ${verdict.certificateChanges} times`,
    );
    assertUnnoticed(verdict);
  } finally {
    before.close();
    after.close();
  }
}

const secretNames = { server: "given-server", peer: "given-peer", operator: "given-operator" };

const spec = {
  replicas: 3,
  storage: { size: "4Gi" },
  tls: {
    mode: "Provided",
    provided: {
      serverSecretRef: { name: secretNames.server },
      peerSecretRef: { name: secretNames.peer },
      operatorSecretRef: { name: secretNames.operator },
    },
    peer: { allowedCommonName: peerName },
  },
};

/** All four Secrets: new leaves of `issuer`, beside the CAs that are trusted. */
async function writeSecrets(
  { cluster }: Scene,
  issuer: OpensslCa,
  trusted: readonly OpensslCa[],
): Promise<{ readonly server: string; readonly peer: string }> {
  const { namespace, name } = cluster;
  const members = ["", ".cluster.local"].map((end) => `*.${name}-peers.${namespace}.svc${end}`);
  const clients = [`${name}-client.${namespace}.svc`, "localhost"];
  const both = ["serverAuth", "clientAuth"] as const;
  const leaves: readonly (readonly [string, Leaf])[] = [
    [secretNames.server, { commonName: "etcd", dnsNames: [...members, ...clients], usages: both }],
    [secretNames.peer, { commonName: peerName, dnsNames: members, usages: both }],
    [secretNames.operator, { commonName: "operator", dnsNames: [], usages: ["clientAuth"] }],
    // Where the writer looks for it, as in mode Managed.
    [`${name}-client-writer-tls`, { commonName: "writer", dnsNames: [], usages: ["clientAuth"] }],
  ];
  const ca = trusted.map(({ certificate }) => certificate).join("");
  const certificates: string[] = [];
  for (const [secret, leaf] of leaves) {
    const { certificate, key } = await issuer.issue(leaf);
    certificates.push(certificate);
    const object = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: secret, namespace },
      type: "kubernetes.io/tls",
      stringData: { "tls.crt": certificate, "tls.key": key, "ca.crt": ca },
    };
    await kubectl(["apply", "--server-side", "-f", "-"], { input: JSON.stringify(object) });
  }
  const [server = "", peer = ""] = certificates;
  return { server, peer };
}

async function untilReason({ cluster }: Scene, reason: string): Promise<void> {
  await until(`the reason ${reason}`, async () => {
    const { conditions = [] } = await cluster.status();
    const ready = conditions.find(({ type }) => type === "Ready");
    return ready?.reason === reason ? undefined : (ready?.reason ?? "none");
  });
}

const untilThere = (scene: Scene, files: readonly string[], pem: string): Promise<void> =>
  untilFiles(scene, files, (text) => text.includes(pem.trim()));
const untilGone = (scene: Scene, files: readonly string[], pem: string): Promise<void> =>
  untilFiles(scene, files, (text) => !text.includes(pem.trim()));

/** Kubelets bring what is in a Secret to each pod in their own time. */
async function untilFiles(
  { cluster }: Scene,
  files: readonly string[],
  isIt: (text: string) => boolean,
): Promise<void> {
  for (const { metadata } of await cluster.pods()) {
    for (const file of files) {
      await until(
        `${file} of ${metadata.name}`,
        async () => {
          const path = `/etc/etcd/tls/${file}`;
          const text = await cluster.kubectl("exec", metadata.name, "--", "cat", path);
          return isIt(text) ? undefined : "the one before";
        },
        { everyMs: 1000 },
      );
    }
  }
  await sleep(takenUpMs);
}

async function stateOf({ cluster }: Scene): Promise<{
  readonly pods: readonly string[];
  readonly leader: string | undefined;
}> {
  const { leader } = await cluster.status();
  const pods = (await cluster.pods()).map(
    ({ metadata, status }) =>
      `${metadata.uid} ${status.containerStatuses?.[0]?.restartCount ?? "?"}`,
  );
  return { pods: pods.sort(), leader };
}
