/**
 * Persistent volumes: Rancher's local-path-provisioner, as a process beside the control plane. A claim becomes a folder on
 * the node that its first pod is scheduled to.
 */
import { writeFileSync } from "node:fs";
import { kubectl } from "../support/kubectl.ts";
import { built } from "../support/programs.ts";
import { busyboxImage } from "./images.ts";
import { kubeconfigOf } from "./kubeconfig.ts";
import { clusterName, inState } from "./layout.ts";
import { inNetwork } from "./network.ts";
import { start } from "./processes.ts";

export const provisionerProcess = "local-path-provisioner";

const namespace = "local-path-storage";
const scripts = "local-path-config";
const serviceAccount = "local-path-helper";

/** Starts the provisioner. Its StorageClass, local-path, is the cluster's default. */
export async function volumesUp(): Promise<void> {
  await kubectl(["apply", "-f", "-"], { input: JSON.stringify(objects()) });
  const config = inState("local-path-config.json");
  const everyNode = { node: "DEFAULT_PATH_FOR_NON_LISTED_NODES", paths: ["/var/lib/local-path"] };
  const helperPod = inState("local-path-helper.json");
  writeFileSync(helperPod, JSON.stringify(helper(), null, 2));
  await start({
    name: provisionerProcess,
    configuration: { path: config, text: JSON.stringify({ nodePathMap: [everyNode] }) },
    command: inNetwork(clusterName, [
      built("local-path-provisioner"),
      "start",
      `--config=${config}`,
      `--kubeconfig=${kubeconfigOf("local-path-provisioner")}`,
      `--namespace=${namespace}`,
      `--configmap-name=${scripts}`,
      `--helper-image=${busyboxImage}`,
      `--helper-pod-file=${helperPod}`,
      `--service-account-name=${serviceAccount}`,
    ]),
  });
}

/** The pod that makes or removes a volume's folder on its node. */
function helper(): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "helper-pod" },
    spec: {
      priorityClassName: "system-node-critical",
      containers: [{ name: "helper-pod", image: busyboxImage, imagePullPolicy: "IfNotPresent" }],
    },
  };
}

function objects(): object {
  return {
    apiVersion: "v1",
    kind: "List",
    items: [
      { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
      {
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata: { name: serviceAccount, namespace },
      },
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: scripts, namespace },
        data: {
          // Root's, as a new file system is: who may write is decided by the pod's fsGroup.
          setup: 'set -eu; mkdir -m 0755 -p "$VOL_DIR"\n',
          teardown: 'set -eu; rm -rf "$VOL_DIR"\n',
        },
      },
      {
        apiVersion: "storage.k8s.io/v1",
        kind: "StorageClass",
        metadata: {
          name: "local-path",
          annotations: {
            "storageclass.kubernetes.io/is-default-class": "true",
            // Of type `local`, because the kubelet applies fsGroup to these and not to those of type `hostPath`.
            defaultVolumeType: "local",
          },
        },
        provisioner: "rancher.io/local-path",
        volumeBindingMode: "WaitForFirstConsumer",
        reclaimPolicy: "Delete",
      },
      ...permissions(),
    ],
  };
}

function permissions(): readonly object[] {
  const read = ["get", "list", "watch"];
  const all = [...read, "create", "patch", "update", "delete"];
  const rbac = "rbac.authorization.k8s.io";
  const name = "local-path-provisioner";
  return [
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRole",
      metadata: { name },
      rules: [
        {
          apiGroups: [""],
          resources: ["nodes", "persistentvolumeclaims", "configmaps", "pods/log"],
          verbs: read,
        },
        { apiGroups: [""], resources: ["persistentvolumes", "pods"], verbs: all },
        { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] },
        { apiGroups: ["storage.k8s.io"], resources: ["storageclasses"], verbs: read },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name },
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name },
      subjects: [{ apiGroup: rbac, kind: "User", name }],
    },
  ];
}
