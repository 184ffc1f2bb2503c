/** New leaves, and then a new CA, under a writer that also makes new connections all the time: no restart, no election, no request that fails. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { inNamespace } from "../support/kubectl.ts";
import { attempt } from "../support/run.ts";
import { until } from "../support/wait.ts";
import { assertUnnoticed } from "../support/writer.ts";
import type { Scene } from "./story.ts";

const rotateAnnotation = "etcd-ts.dev/rotate";
/** A kubelet brings what has changed in a Secret within a minute or two, and the CA takes three such rounds. */
const patienceMs = 600_000;

export async function rotateStory(scene: Scene): Promise<void> {
  const { cluster } = scene;
  await scene.step("a cluster of three", async () => {
    await cluster.create({ replicas: 3 });
    await cluster.untilAsWanted(3);
  });
  const before = await stateOf(scene);
  const writer = await scene.writer();
  await scene.step("leaves are rotated", () => rotates(scene, "leaves-1"));
  await scene.step("every member shows its new one", () => untilShown(scene));
  assert.equal((await stateOf(scene)).ca, before.ca, "the CA stays");
  await writer.works();
  await scene.step("the CA is rotated", () => rotates(scene, "ca-1"));
  await writer.works();
  await scene.step("every member shows what is in its Secret", () => untilShown(scene));
  const after = await stateOf(scene);
  assert.notEqual(after.ca, before.ca, "there is a new CA");
  assert.deepEqual(after.pods, before.pods, "no pod is made anew, no container restarted");
  assert.equal(after.leader, before.leader, "no election");
  const verdict = await scene.judge(writer);
  scene.say(`the writer's own certificate or its CAs changed ${verdict.certificateChanges} times`);
  assertUnnoticed(verdict);
}

async function stateOf({ cluster }: Scene): Promise<{
  readonly ca: string | undefined;
  readonly leader: string | undefined;
  readonly pods: readonly string[];
}> {
  const { certificates, leader } = await cluster.status();
  const pods = (await cluster.pods()).map(
    ({ metadata, status }) =>
      `${metadata.uid} ${status.containerStatuses?.[0]?.restartCount ?? "?"}`,
  );
  return { ca: certificates?.caFingerprint, leader, pods: pods.sort() };
}

/** Asks each member on its client port. The kubelets bring certificates to the pods, some time after the operator has written them. */
async function untilShown({ cluster }: Scene): Promise<void> {
  for (const { metadata, status } of await cluster.pods()) {
    const { data } = await cluster.json<{ data: Readonly<Record<string, string>> }>(
      ...["get", "secret", `${metadata.name}-tls`],
    );
    const written = Buffer.from(data["server.crt"] ?? "", "base64").toString();
    const fingerprint = new X509Certificate(written).fingerprint256;
    await until(`the certificate of ${metadata.name}`, async () => {
      const { stdout } = await attempt(
        inNamespace(["openssl", "s_client", "-connect", `${status.podIP ?? ""}:2379`]),
      );
      const [shown] =
        /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/.exec(stdout) ?? [];
      const isIt = shown !== undefined && new X509Certificate(shown).fingerprint256 === fingerprint;
      return isIt ? undefined : "it shows another one";
    });
  }
}

/** Tells each phase with its time. */
async function rotates(scene: Scene, request: string): Promise<void> {
  const { cluster } = scene;
  const startMs = performance.now();
  await cluster.annotate(rotateAnnotation, request);
  let told = "";
  await until(
    `the rotation ${request}`,
    async () => {
      const { certificates, plan } = await cluster.status();
      const phase = certificates?.phase ?? "none";
      if (phase !== told)
        scene.say(`${phase} (${((performance.now() - startMs) / 1000).toFixed(1)} s)`);
      told = phase;
      const isDone = certificates?.rotationRequest === request && phase === "Stable";
      return isDone ? undefined : `${phase}: ${plan?.step ?? ""} ${plan?.waitsFor ?? ""}`;
    },
    { timeoutMs: patienceMs, everyMs: 500 },
  );
  await cluster.untilAsWanted(3);
}
