/**
 * Proves that the cluster of up.ts is a cluster: pods on all nodes, volumes, names, Services across nodes, admission and
 * deletion. Leaves nothing behind. It knows nothing of etcd-ts.
 *
 *     node test/e2e/smoke.ts
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { busyboxImage } from "./cluster/images.ts";
import { clusterDomain, nodes } from "./cluster/layout.ts";
import { helm, inNamespace, kubectl, tryKubectl } from "./support/kubectl.ts";
import { program, say, step } from "./support/log.ts";
import { run } from "./support/run.ts";
import { until } from "./support/wait.ts";

const namespace = "e2e-smoke";
const inSmoke = ["-n", namespace] as const;

interface PodOptions {
  readonly node?: string;
  readonly claim?: string;
  /** A pod whose readiness is false for ever. */
  readonly isNeverReady?: boolean;
}

/** A pod that the restricted profile admits, with a web server that tells its name. */
function pod(name: string, { node, claim, isNeverReady = false }: PodOptions): object {
  const serve =
    "mkdir -p /tmp/www && hostname > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www";
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: isNeverReady ? "late" : "web" } },
    spec: {
      ...(node === undefined ? {} : { nodeSelector: { "kubernetes.io/hostname": node } }),
      hostname: name,
      subdomain: "peers",
      terminationGracePeriodSeconds: 1,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65532,
        runAsGroup: 65532,
        fsGroup: 65532,
        seccompProfile: { type: "RuntimeDefault" },
      },
      containers: [
        {
          name: "web",
          image: busyboxImage,
          command: ["sh", "-c", serve],
          // Of the guaranteed class, which has the strictest demands on the machine.
          resources: { limits: { cpu: "100m", memory: "32Mi" } },
          readinessProbe: isNeverReady
            ? { exec: { command: ["false"] } }
            : { httpGet: { path: "/", port: 8080 }, periodSeconds: 1 },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
          volumeMounts: [
            { name: "tmp", mountPath: "/tmp" },
            ...(claim === undefined ? [] : [{ name: "data", mountPath: "/data" }]),
          ],
        },
      ],
      volumes: [
        { name: "tmp", emptyDir: {} },
        ...(claim === undefined
          ? []
          : [{ name: "data", persistentVolumeClaim: { claimName: claim } }]),
      ],
    },
  };
}

const claim = {
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: "data" },
  spec: { accessModes: ["ReadWriteOncePod"], resources: { requests: { storage: "16Mi" } } },
};

const services = [
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "peers" },
    spec: {
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: { app: "late" },
      ports: [{ port: 8080 }],
    },
  },
  ...["web", "late"].map((app) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: app },
    spec: { selector: { app }, ports: [{ port: 80, targetPort: 8080 }] },
  })),
];

async function apply(...items: readonly object[]): Promise<void> {
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  await kubectl([...inSmoke, "apply", "-f", "-"], { input });
}

function exec(name: string, ...command: readonly string[]): Promise<string> {
  return kubectl([...inSmoke, "exec", name, "--", ...command], { timeoutMs: 20_000 });
}

async function podsReady(...names: readonly string[]): Promise<void> {
  const pods = names.map((name) => `pod/${name}`);
  await kubectl([...inSmoke, "wait", "--for=condition=Ready", "--timeout=60s", ...pods]);
}

async function checkVolume(): Promise<void> {
  await exec("web-a", "sh", "-c", "echo kept > /data/file && sync");
  const owner = await exec("web-a", "stat", "-c", "%u:%g %a", "/data");
  if (!owner.startsWith("0:65532")) throw new Error(`fsGroup was not applied to /data: ${owner}`);
  await kubectl([...inSmoke, "delete", "pod", "web-a", "--timeout=60s"]);
  await apply(pod("web-a", { claim: "data" }));
  await podsReady("web-a");
  const text = await exec("web-a", "cat", "/data/file");
  if (text !== "kept\n") throw new Error(`the new pod read ${JSON.stringify(text)}`);
}

async function checkNames(): Promise<void> {
  const name = `late.peers.${namespace}.svc.${clusterDomain}`;
  const address = await kubectl([
    ...inSmoke,
    "get",
    "pod",
    "late",
    "-o",
    "jsonpath={.status.podIP}",
  ]);
  await until("the name of a pod that is not ready", async () => {
    const { stdout } = await tryKubectl([...inSmoke, "exec", "web-a", "--", "nslookup", name]);
    return stdout.includes(address) ? undefined : stdout;
  });
}

/** From every pod: the Service is answered by every pod, the own one included, so all ways between nodes are tried. */
async function checkServices(names: readonly string[]): Promise<void> {
  for (const from of names) {
    const heard = new Set<string>();
    await until(`the answers of all pods to ${from}`, async () => {
      heard.add((await exec(from, "wget", "-q", "-O", "-", "http://web")).trim());
      const missing = names.filter((name) => !heard.has(name));
      return missing.length === 0 ? undefined : missing.join(", ");
    });
  }
  const outside = inNamespace(["busybox", "wget", "-q", "-O", "-"]);
  const address = await kubectl([
    ...inSmoke,
    "get",
    "svc",
    "web",
    "-o",
    "jsonpath={.spec.clusterIP}",
  ]);
  await run([...outside, `http://${address}`]);
}

async function checkApiServer(): Promise<void> {
  const url = "https://kubernetes.default/version";
  const version = await exec("web-a", "wget", "-q", "--no-check-certificate", "-O", "-", url);
  if (!version.includes("gitVersion")) throw new Error(`${url} answered ${version}`);
}

async function checkAdmission(): Promise<void> {
  const { code, stderr } = await tryKubectl([
    ...inSmoke,
    "run",
    "unsafe",
    `--image=${busyboxImage}`,
    "--privileged",
  ]);
  if (code === 0 || !stderr.includes("violates PodSecurity"))
    throw new Error(`a privileged pod was not refused: ${stderr}`);
}

async function removeAll(): Promise<void> {
  await kubectl(["delete", "namespace", namespace, "--ignore-not-found", "--timeout=90s"]);
  await until("the removal of the volumes", async () => {
    const ofSmoke = `jsonpath={.items[?(@.spec.claimRef.namespace=="${namespace}")].metadata.name}`;
    const volumes = await kubectl(["get", "pv", "-o", ofSmoke]);
    const folders = nodes
      .map(({ dir }) => join(dir, "var/lib/local-path"))
      .filter((dir) => existsSync(dir))
      .flatMap((dir) => readdirSync(dir).filter((name) => name.includes(`_${namespace}_`)));
    return volumes === "" && folders.length === 0 ? undefined : volumes + folders.join(" ");
  });
}

await program(async () => {
  await removeAll();
  await step("a namespace that admits restricted pods only", async () => {
    await kubectl(["create", "namespace", namespace]);
    const level = "pod-security.kubernetes.io/enforce=restricted";
    await kubectl(["label", "namespace", namespace, level]);
    await until("its service account", async () => {
      const { code, stderr } = await tryKubectl([...inSmoke, "get", "serviceaccount", "default"]);
      return code === 0 ? undefined : stderr;
    });
  });
  const names = ["web-a", ...nodes.map(({ name }) => `web-${name}`)];
  await step("pods on every node, one with a volume", async () => {
    const onNodes = nodes.map(({ name }) => pod(`web-${name}`, { node: name }));
    const late = pod("late", { isNeverReady: true });
    await apply(claim, ...services, pod("web-a", { claim: "data" }), ...onNodes, late);
    await podsReady(...names);
  });
  await step("a volume outlives its pod", checkVolume);
  await step("a pod's name is found before the pod is ready", checkNames);
  await step("a Service across nodes, and from outside of them", () => checkServices(names));
  await step("https://kubernetes.default", checkApiServer);
  await step("an unsafe pod is refused", checkAdmission);
  await step("Helm 3 and 4 reach the cluster", async () => {
    for (const version of ["3", "4"] as const) await helm(version, [...inSmoke, "list"]);
  });
  await step("deletion", removeAll);
  say("all is well");
});
