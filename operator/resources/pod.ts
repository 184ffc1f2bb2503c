/** The Pod of a member. It is never changed in place: another one under the same name takes its place, with the same volume. */
import { forceNewClusterAnnotation, templateHashAnnotation } from "../api/v1alpha1/names.ts";
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import { memberFlags, type PodStart, volumeMountPath } from "./flags.ts";
import { memberLabelsOf } from "./labels.ts";
import { peersServiceNameOf, volumeClaimNameOf } from "./names.ts";
import { ownedByMember } from "./owners.ts";
import { placementOf } from "./pod-placement.ts";
import {
  containerSecurityContext,
  podSecurityContext,
  podWithoutCredentials,
} from "./pod-security.ts";
import { templateHashOf } from "./template-hash.ts";
import { tlsMountsOf, tlsVolumesOf } from "./tls-volume.ts";
import { clientPort, metricsPort, namespaceOf, peerPort } from "./urls.ts";

/** Name of the one container. */
const containerName = "etcd";

/**
 * Restarted in place when it ends: with the volume there the flags about the initial cluster are not read again. There is no preStop hook: on
 * SIGTERM the member hands over its leadership itself, and membership never belongs into a hook.
 */
export function buildPod(
  cluster: EtcdCluster,
  member: EtcdMember,
  start: PodStart,
): KubernetesObject {
  const clusterName = cluster.metadata.name;
  const memberName = member.metadata.name;
  const { image, pod } = cluster.spec;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: memberName,
      namespace: namespaceOf(cluster),
      labels: { ...pod.labels, ...memberLabelsOf(clusterName, memberName) },
      annotations: {
        ...pod.annotations,
        [templateHashAnnotation]: templateHashOf(cluster.spec, member.spec.image),
        ...(start.forceNewCluster === true ? { [forceNewClusterAnnotation]: "true" } : {}),
      },
      ownerReferences: [ownedByMember(member)],
    },
    spec: {
      // Together they make the member's DNS name; the kubelet writes it into the pod's /etc/hosts, so the member resolves itself before DNS does.
      hostname: memberName,
      subdomain: peersServiceNameOf(clusterName),
      restartPolicy: start.forceNewCluster === true ? "Never" : "Always",
      terminationGracePeriodSeconds: pod.terminationGracePeriodSeconds,
      ...podWithoutCredentials,
      securityContext: podSecurityContext,
      ...placementOf(cluster),
      ...(image?.pullSecrets === undefined ? {} : { imagePullSecrets: image.pullSecrets }),
      containers: [container(cluster, member, start)],
      volumes: [
        { name: "data", persistentVolumeClaim: { claimName: volumeClaimNameOf(memberName) } },
        { name: "tmp", emptyDir: {} },
        ...tlsVolumesOf(cluster, member),
      ],
    },
  };
}

function container(
  cluster: EtcdCluster,
  member: EtcdMember,
  start: PodStart,
): Readonly<Record<string, unknown>> {
  const { spec } = cluster;
  return {
    name: containerName,
    image: member.spec.image,
    ...(spec.image?.pullPolicy === undefined ? {} : { imagePullPolicy: spec.image.pullPolicy }),
    command: ["etcd-ts"],
    args: memberFlags(cluster, member, start),
    ports: [
      { name: "client", containerPort: clientPort, protocol: "TCP" },
      { name: "peer", containerPort: peerPort, protocol: "TCP" },
      { name: "metrics", containerPort: metricsPort, protocol: "TCP" },
    ],
    ...probes,
    ...(spec.pod.resources === undefined ? {} : { resources: spec.pod.resources }),
    securityContext: containerSecurityContext,
    volumeMounts: [
      { name: "data", mountPath: volumeMountPath },
      { name: "tmp", mountPath: "/tmp" },
      ...tlsMountsOf(cluster),
    ],
  };
}

const httpGet = (path: string): Readonly<Record<string, unknown>> => ({
  path,
  port: "metrics",
  scheme: "HTTP",
});

/** On the metrics port: it asks for no client certificate. */
const probes = {
  // Up to half an hour: a long log is replayed before the member is alive.
  startupProbe: {
    httpGet: httpGet("/livez"),
    periodSeconds: 5,
    timeoutSeconds: 5,
    failureThreshold: 360,
  },
  // Needs no quorum: killing a member because the others are away would only make it worse.
  livenessProbe: {
    httpGet: httpGet("/livez"),
    periodSeconds: 10,
    timeoutSeconds: 5,
    failureThreshold: 3,
  },
  readinessProbe: {
    httpGet: httpGet("/readyz"),
    periodSeconds: 5,
    timeoutSeconds: 5,
    failureThreshold: 3,
  },
} as const;
