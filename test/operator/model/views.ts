/** Built objects as tests look into them: the fields that a test names, typed. */
import type { KubernetesObject, ObjectMeta } from "../../../operator/kernel/resource.ts";

type Fields = Readonly<Record<string, unknown>>;

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string; readonly host?: string };
  readonly periodSeconds: number;
  readonly failureThreshold: number;
}

interface Term {
  readonly labelSelector: unknown;
}

export interface ContainerView extends Fields {
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly ports: readonly {
    readonly name: string;
    readonly containerPort: number;
    readonly hostPort?: number;
  }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly securityContext: Fields & {
    readonly capabilities: { readonly drop: readonly string[]; readonly add?: readonly string[] };
  };
}

export interface PodView extends KubernetesObject {
  readonly metadata: ObjectMeta & { readonly annotations: Readonly<Record<string, string>> };
  readonly spec: Fields & {
    readonly hostname: string;
    readonly subdomain: string;
    readonly containers: readonly [ContainerView];
    readonly volumes: readonly Fields[];
    readonly securityContext: Fields & {
      readonly runAsUser: number;
      readonly seccompProfile: { readonly type: string };
    };
    readonly topologySpreadConstraints?: readonly Term[];
    readonly affinity?: {
      readonly podAntiAffinity: {
        readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly Term[];
        readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly unknown[];
      };
    };
  };
}

export interface ServiceView extends KubernetesObject {
  readonly metadata: ObjectMeta & {
    readonly labels: Record<string, string>;
    readonly annotations: Record<string, string>;
    readonly ownerReferences: { uid: string }[];
  };
  readonly spec: {
    [field: string]: unknown;
    type: string;
    readonly selector: Record<string, string>;
    readonly ports: {
      readonly name: string;
      readonly port: number;
      targetPort: string | number;
    }[];
  };
}
