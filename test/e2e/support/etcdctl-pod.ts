/** A pod with the real etcdctl, as an application would run it: it judges the product from outside. */
import assert from "node:assert/strict";
import { etcdctlImage } from "../image/store.ts";
import { kubectl } from "./kubectl.ts";
import { until } from "./wait.ts";

const certificates = "/etc/etcd/tls";

export interface EtcdctlPod {
  readonly namespace: string;
  readonly name: string;
  readonly command: readonly string[];
  /** With the certificate that it shows, at `etcdctlTlsFlags`. */
  readonly secret?: string | undefined;
}

export const etcdctlTlsFlags = [
  ...["--cacert", `${certificates}/ca.crt`],
  ...["--cert", `${certificates}/tls.crt`],
  ...["--key", `${certificates}/tls.key`],
] as const;

/** Runs it to its end and returns what it printed; the pod is removed. Fails when the command does. */
export async function runEtcdctlPod(pod: EtcdctlPod): Promise<string> {
  const { namespace, name, command } = pod;
  const inNamespace = (...args: readonly string[]): Promise<string> =>
    kubectl(["-n", namespace, ...args]);
  const phaseOf = (): Promise<string> =>
    inNamespace("get", "pod", name, "-o", "jsonpath={.status.phase}");
  await inNamespace("delete", "pod", name, "--ignore-not-found", "--now");
  await kubectl(["-n", namespace, "create", "-f", "-"], { input: JSON.stringify(objectOf(pod)) });
  await until(`the pod ${name}`, async () => {
    const phase = await phaseOf();
    return phase === "Succeeded" || phase === "Failed" ? undefined : `it is ${phase}`;
  });
  const log = await inNamespace("logs", name);
  assert.equal(await phaseOf(), "Succeeded", `${command.join(" ")}: ${log}`);
  await inNamespace("delete", "pod", name, "--now");
  return log;
}

function objectOf({ name, command, secret }: EtcdctlPod): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65532,
        fsGroup: 65532,
        seccompProfile: { type: "RuntimeDefault" },
      },
      containers: [
        {
          name: "etcdctl",
          image: etcdctlImage,
          command,
          volumeMounts:
            secret === undefined ? [] : [{ name: "tls", mountPath: certificates, readOnly: true }],
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
        },
      ],
      volumes:
        secret === undefined
          ? []
          : [{ name: "tls", secret: { secretName: secret, defaultMode: 0o440 } }],
    },
  };
}
