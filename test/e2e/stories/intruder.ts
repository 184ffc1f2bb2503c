/** Who knocks at a member's peer port: nobody is let in but a peer of this very cluster. */
import assert from "node:assert/strict";
import { EtcdCluster } from "../support/etcd-cluster.ts";
import { kubectl } from "../support/kubectl.ts";
import type { Scene } from "./story.ts";

/** Files of a Secret, by their keys. */
type Files = Readonly<Record<string, string>>;

interface Caller {
  readonly title: string;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly isLetIn: boolean;
}

export async function intruderStory(scene: Scene): Promise<void> {
  const { cluster } = scene;
  const other = new EtcdCluster(`${cluster.namespace}-other`);
  await scene.step("two clusters, each with its own CA", () =>
    Promise.all(
      [cluster, other].map(async (each) => {
        await each.create({});
        await each.untilAsWanted(1);
      }),
    ),
  );
  const own = await memberFiles(cluster);
  const foreign = await memberFiles(other);
  const application = await files(cluster, `${cluster.name}-client-writer-tls`);
  const callers: readonly Caller[] = [
    { title: "a peer of the cluster", ...of(own, "peer"), isLetIn: true },
    { title: "nobody in particular", certificate: undefined, key: undefined, isLetIn: false },
    { title: "a peer of another cluster", ...of(foreign, "peer"), isLetIn: false },
    { title: "an application of the cluster", ...of(application, "tls"), isLetIn: false },
    { title: "a member with its server's certificate", ...of(own, "server"), isLetIn: false },
  ];
  for (const caller of callers) {
    const { isLetIn, said } = await knock(cluster, own, caller);
    scene.say(`${caller.title}: ${isLetIn ? "let in" : `kept out (${said})`}`);
    assert.equal(isLetIn, caller.isLetIn, caller.title);
  }
  await other.remove();
}

const of = (
  from: Files,
  name: string,
): { certificate: string | undefined; key: string | undefined } => ({
  certificate: from[`${name}.crt`],
  key: from[`${name}.key`],
});

async function memberFiles(cluster: EtcdCluster): Promise<Files> {
  return files(cluster, `${await cluster.leader()}-tls`);
}

async function files(cluster: EtcdCluster, secret: string): Promise<Files> {
  const { data } = await cluster.json<{ data: Files }>("get", "secret", secret);
  return Object.fromEntries(
    Object.entries(data).map(([key, text]) => [key, Buffer.from(text, "base64").toString()]),
  );
}

/**
 * Asks for what peers ask each other first. From the member's own pod: a peer's certificate must be for the address that it comes from, so there the
 * certificate alone decides. With TLS 1.3 who is not let in finds out when he reads.
 */
const knocking = `
  let given = "";
  process.stdin.on("data", (text) => (given += text)).on("end", () => {
    const { options, path } = JSON.parse(given);
    require("node:https")
      .get({ ...options, path, agent: false }, ({ statusCode }) => tell(String(statusCode)))
      .on("error", ({ code, message }) => tell(code ?? message));
  });
  const tell = (text) => process.stdout.write(text);
`;

async function knock(
  cluster: EtcdCluster,
  own: Files,
  { certificate, key }: Caller,
): Promise<{ readonly isLetIn: boolean; readonly said: string }> {
  const member = await cluster.leader();
  const { podIP } = (await cluster.pod(member)).status;
  const options = {
    ...{ host: podIP, port: 2380, ca: own["ca.crt"], cert: certificate, key },
    servername: `${member}.${cluster.name}-peers.${cluster.namespace}.svc`,
  };
  const said = await kubectl(
    ["-n", cluster.namespace, "exec", "-i", member, "--", "node", "-e", knocking],
    { input: JSON.stringify({ options, path: "/members" }), timeoutMs: 60_000 },
  );
  return { isLetIn: said === "200", said };
}
