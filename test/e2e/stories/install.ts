/**
 * One user's day: helm install with a cluster in it, wait until it is ready, helm test, put and get from a pod, the pod is killed and comes
 * back with its data, an upgrade changes the cluster, uninstall. In a namespace that enforces the restricted profile. With Helm 4 as by default,
 * with TLS; with Helm 3 in plain text.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { productImage } from "../image/store.ts";
import { etcdctlTlsFlags, runEtcdctlPod } from "../support/etcdctl-pod.ts";
import { helm, kubectl, tryKubectl } from "../support/kubectl.ts";
import { step } from "../support/log.ts";
import { until } from "../support/wait.ts";

const chart = join(import.meta.dirname, "../../../charts/etcd-ts");
const release = "my-etcd";
const cluster = "my-etcd";
/** Of spec.tls.clients. */
const application = "etcdctl";

const clientsValue = `cluster.spec.tls.clients[0].name=${application}`;

interface Named {
  readonly metadata: { readonly name: string; readonly uid: string };
}

export async function installStory(version: "3" | "4"): Promise<void> {
  const namespace = `story-helm-${version}`;
  const story = new InstallStory(version, namespace);
  await kubectl(["delete", "namespace", namespace, "--ignore-not-found", "--timeout=3m"]);
  await kubectl(["create", "namespace", namespace]);
  await kubectl([
    ...["label", "namespace", namespace],
    "pod-security.kubernetes.io/enforce=restricted",
    "pod-security.kubernetes.io/warn=restricted",
  ]);
  try {
    await story.run();
  } catch (error) {
    await story.showState();
    throw error;
  }
  await step("  the namespace goes", () =>
    kubectl(["delete", "namespace", namespace, "--timeout=3m"], { timeoutMs: 200_000 }),
  );
}

class InstallStory {
  private readonly version: "3" | "4";
  private readonly namespace: string;

  constructor(version: "3" | "4", namespace: string) {
    this.version = version;
    this.namespace = namespace;
  }

  async run(): Promise<void> {
    await step("  helm install --wait", () => this.install());
    await step("  kubectl wait --for=condition=Ready", () => this.isReady());
    await step("  helm test", () => this.helm(["test", release, "--timeout=2m"]));
    await step("  put and get from a pod", async () => {
      assert.equal((await this.etcdctl("put", "greeting", "hello")).trim(), "OK");
      assert.equal(await this.etcdctl("get", "greeting"), "greeting\nhello\n");
    });
    await step("  the pod is deleted and comes back with its data", () => this.losesItsPod());
    await step("  the container is killed and comes back with its data", () => this.isKilled());
    await step("  helm upgrade changes the cluster", () => this.upgrade());
    await step("  the operator's pods are deleted, the cluster stays", () => this.losesOperator());
    await step("  helm uninstall", () => this.uninstall());
  }

  /** What a person would look at first. */
  async showState(): Promise<void> {
    for (const args of [
      ["get", "etcdcluster,etcdmember,pod,pvc,service", "-o", "wide"],
      ["get", "etcdcluster,etcdmember", "-o", "yaml"],
      ["get", "events", "--sort-by=.lastTimestamp"],
      ["logs", "-l", "app.kubernetes.io/component=operator", "--tail=60", "--prefix"],
      ["logs", "-l", "app.kubernetes.io/component=member", "--tail=40", "--prefix"],
    ]) {
      const { stdout, stderr } = await tryKubectl(["-n", this.namespace, ...args]);
      process.stdout.write(`\n$ kubectl ${args.join(" ")}\n${stdout}${stderr}`);
    }
  }

  private get isPlain(): boolean {
    return this.version === "3";
  }

  private helm(args: readonly string[]): Promise<string> {
    return helm(this.version, [...args, "--namespace", this.namespace], { timeoutMs: 300_000 });
  }

  private kubectl(...args: readonly string[]): Promise<string> {
    return kubectl(["-n", this.namespace, ...args], { timeoutMs: 200_000 });
  }

  private async install(): Promise<void> {
    const [repository = "", tag = ""] = productImage.split(":");
    await this.helm([
      ...["install", release, chart, "--wait", "--timeout=4m"],
      ...["--set", `image.repository=${repository},image.tag=${tag}`],
      ...["--set", "cluster.create=true,cluster.spec.storage.size=4Gi"],
      ...["--set", this.isPlain ? "cluster.spec.tls.mode=Disabled" : clientsValue],
    ]);
  }

  private async isReady(): Promise<void> {
    await this.kubectl("wait", "--for=condition=Ready", "--timeout=3m", `etcdcluster/${cluster}`);
    const line = await this.kubectl("get", "etcdcluster", cluster, "--no-headers");
    assert.match(line, /\b1\/1\b/);
  }

  private async memberPod(): Promise<Named> {
    const list = await this.kubectl(
      ...["get", "pod", "-l", `etcd-ts.dev/cluster=${cluster}`, "-o", "json"],
    );
    const { items } = JSON.parse(list) as { readonly items: readonly Named[] };
    const [pod] = items;
    assert.ok(pod !== undefined && items.length === 1, `one member pod, found ${items.length}`);
    return pod;
  }

  /** The real etcdctl in a pod of its own, against the client Service. */
  private async etcdctl(...args: readonly string[]): Promise<string> {
    const scheme = this.isPlain ? "http" : "https";
    const endpoint = `${scheme}://${cluster}-client.${this.namespace}.svc:2379`;
    const tls = this.isPlain ? [] : etcdctlTlsFlags;
    return runEtcdctlPod({
      namespace: this.namespace,
      name: "etcdctl",
      command: ["etcdctl", ...tls, "--endpoints", endpoint, ...args],
      secret: this.isPlain ? undefined : `${cluster}-client-${application}-tls`,
    });
  }

  private async hasItsData(): Promise<void> {
    await this.isReady();
    assert.equal(await this.etcdctl("get", "greeting"), "greeting\nhello\n");
  }

  private async losesItsPod(): Promise<void> {
    const before = await this.memberPod();
    await this.kubectl("delete", "pod", before.metadata.name);
    await until("another pod", async () => {
      const now = await this.memberPod().catch(() => undefined);
      return now === undefined || now.metadata.uid === before.metadata.uid ? "none" : undefined;
    });
    const after = await this.memberPod();
    assert.equal(after.metadata.name, before.metadata.name, "a member keeps its name");
    await this.hasItsData();
  }

  private async isKilled(): Promise<void> {
    const { metadata } = await this.memberPod();
    const restarts = (): Promise<string> =>
      this.kubectl(
        ...["get", "pod", metadata.name, "-o"],
        "jsonpath={.status.containerStatuses[0].restartCount}",
      );
    const before = Number(await restarts());
    // Signals from inside cannot kill pid 1; a process that shares its memory limit can be told to end.
    await this.kubectl("exec", metadata.name, "--", "sh", "-c", "kill -TERM 1");
    await until("a restart of the container", async () =>
      Number(await restarts()) > before ? undefined : "it still runs",
    );
    await this.hasItsData();
  }

  private async upgrade(): Promise<void> {
    const before = await this.memberPod();
    await this.helm([
      ...["upgrade", release, chart, "--reuse-values", "--wait", "--timeout=4m"],
      ...["--set", "cluster.spec.etcd.snapshotCount=5000"],
    ]);
    await until("a pod with the new flag", async () => {
      const args = await this.kubectl(
        ...["get", "pod", before.metadata.name, "-o", "jsonpath={.spec.containers[0].args}"],
      ).catch(String);
      return args.includes("--snapshot-count=5000") ? undefined : args;
    });
    await this.hasItsData();
  }

  private async losesOperator(): Promise<void> {
    const before = await this.memberPod();
    await this.kubectl("delete", "pod", "-l", "app.kubernetes.io/component=operator");
    await this.kubectl(
      ...["rollout", "status", "deployment", "-l", "app.kubernetes.io/component=operator"],
      "--timeout=2m",
    );
    await this.hasItsData();
    assert.equal((await this.memberPod()).metadata.uid, before.metadata.uid, "no restart");
  }

  /** Everything goes without the operator's help; the volume stays, because its policy says Retain. */
  private async uninstall(): Promise<void> {
    await this.helm(["uninstall", release, "--wait", "--timeout=3m"]);
    await until("an empty namespace", async () => {
      const left = await this.kubectl(
        ...["get", "etcdcluster,etcdmember,pod,service,deployment", "-o", "name"],
      );
      return left.trim() === "" ? undefined : left.replaceAll("\n", " ");
    });
    const claims = await this.kubectl("get", "pvc", "-o", "name");
    assert.match(claims, /^persistentvolumeclaim\/data-my-etcd-[a-z0-9]{5}\n$/);
  }
}
