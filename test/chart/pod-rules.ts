/** What every pod of the chart keeps to: level "restricted" of Kubernetes' Pod Security Standards, and rules of the house beyond it. */
import type { Json, KubeObject } from "./chart-files.ts";

interface Container extends Json {
  readonly name: string;
  readonly image?: string;
  readonly securityContext?: Json;
  readonly resources?: { readonly requests?: Json; readonly limits?: Json };
}

export interface PodSpec extends Json {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly securityContext?: Json;
  readonly volumes?: readonly Json[];
}

const allowedVolumes = ["configMap", "downwardAPI", "emptyDir", "projected", "secret"];

/** The pod in an object, or in its template; undefined where there is none. */
export function podSpecOf(object: KubeObject): PodSpec | undefined {
  const spec = object["spec"] as Json | undefined;
  if (object.kind === "Pod") return spec as PodSpec;
  return (spec?.["template"] as { readonly spec: PodSpec } | undefined)?.spec;
}

/** Each rule that a pod breaks, in words. */
export function problemsOf(pod: PodSpec): string[] {
  const containers = [...pod.containers, ...(pod.initContainers ?? [])];
  return [
    ...podProblems(pod),
    ...containers.flatMap((container) =>
      containerProblems(container).map((problem) => `${container.name}: ${problem}`),
    ),
  ];
}

function podProblems(pod: PodSpec): string[] {
  const security = pod.securityContext ?? {};
  const shared = ["hostNetwork", "hostPID", "hostIPC"].filter((field) => pod[field] === true);
  const kinds = (pod.volumes ?? []).map((volume) =>
    Object.keys(volume).find((key) => key !== "name"),
  );
  return failing({
    "runAsNonRoot is not true": security["runAsNonRoot"] === true,
    "runAsUser is root": security["runAsUser"] !== 0,
    "seccompProfile is not RuntimeDefault": hasType(security["seccompProfile"], "RuntimeDefault"),
    "shares namespaces of its node": shared.length === 0,
    "has a volume of a forbidden kind": kinds.every((kind) => allowedVolumes.includes(kind ?? "")),
    "does not say whether it needs a token":
      typeof pod["automountServiceAccountToken"] === "boolean",
    "sees Services in its environment": pod["enableServiceLinks"] === false,
  });
}

function containerProblems({
  securityContext = {},
  resources = {},
  image = "",
}: Container): string[] {
  const capabilities = securityContext["capabilities"] as Json | undefined;
  return failing({
    "allowPrivilegeEscalation is not false": securityContext["allowPrivilegeEscalation"] === false,
    "is privileged": securityContext["privileged"] !== true,
    "does not drop ALL capabilities": JSON.stringify(capabilities) === '{"drop":["ALL"]}',
    "runAsUser is root": securityContext["runAsUser"] !== 0,
    "has a writable root": securityContext["readOnlyRootFilesystem"] === true,
    "requests no memory": resources.requests?.["memory"] !== undefined,
    "has no memory limit": resources.limits?.["memory"] !== undefined,
    "runs whatever is latest": /[:@]/.test(image) && !image.endsWith(":latest"),
  });
}

function failing(rules: Readonly<Record<string, boolean>>): string[] {
  return Object.entries(rules).flatMap(([problem, isKept]) => (isKept ? [] : [problem]));
}

function hasType(profile: unknown, type: string): boolean {
  return (profile as Json | undefined)?.["type"] === type;
}
