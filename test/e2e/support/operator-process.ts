/** The operator's processes one by one: which of them leads, what they say that they did, and one of them standing still. */
import { nodes } from "../cluster/layout.ts";
import { onNode } from "../cluster/machine.ts";
import { kubectl, tryKubectl } from "./kubectl.ts";
import { inOperatorNamespace, ofOperator } from "./operator-release.ts";
import { run } from "./run.ts";

interface OperatorPod {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: { readonly containerStatuses?: readonly { readonly containerID?: string }[] };
}

/** The processes of the pod that leads at the moment. */
export interface LeadingOperator {
  readonly pod: string;
  /** Holder of the Lease: pod and a random part, so that it differs from start to start. */
  readonly holder: string;
  /** It stands still from now on, wherever it is. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Its process has come to an end, and perhaps another one runs in its pod. */
  hasEnded(): Promise<boolean>;
}

/** Looks up everything beforehand, so that the freezing itself takes some milliseconds. */
export async function leadingOperator(): Promise<LeadingOperator> {
  const holder = await leaseHolder();
  const name = holder.slice(0, holder.lastIndexOf("_"));
  const { spec, status } = (await operatorPods()).find(
    ({ metadata }) => metadata.name === name,
  ) as OperatorPod;
  const node = nodes.find((each) => each.name === spec.nodeName);
  const [{ containerID = "" } = {}] = status.containerStatuses ?? [];
  if (node === undefined) throw new Error(`${name} is on no node`);
  const container = containerID.replace("containerd://", "");
  const list = await run(onNode(node, ["ctr", "-n", "k8s.io", "tasks", "ps", container]));
  const pids = list.split("\n").flatMap((line) => /^\s*(\d+)\b/.exec(line)?.[1] ?? []);
  const signal = async (what: string): Promise<void> => {
    await run(onNode(node, ["kill", `-${what}`, ...pids]));
  };
  return {
    pod: name,
    holder,
    freeze: () => signal("STOP"),
    thaw: () => signal("CONT"),
    hasEnded: async () => {
      const now = (await operatorPods()).find(({ metadata }) => metadata.name === name);
      return now?.status.containerStatuses?.[0]?.containerID !== containerID;
    },
  };
}

export function leaseHolder(): Promise<string> {
  const path = "jsonpath={.items[0].spec.holderIdentity}";
  return kubectl(inOperatorNamespace("get", "lease", "-o", path));
}

interface LogLine {
  readonly time?: string;
  readonly msg?: string;
  readonly cluster?: string;
  readonly step?: string;
  readonly object?: string;
  readonly why?: string;
}

/** What the operators have told of a cluster. A container keeps the log of the one before only: to be read after each restart. */
export class OperatorDeeds {
  readonly #lines = new Set<string>();
  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  async read(): Promise<void> {
    for (const { metadata } of await operatorPods()) {
      for (const which of [["--previous"], []]) {
        const { stdout } = await tryKubectl(inOperatorNamespace("logs", metadata.name, ...which));
        for (const line of stdout.split("\n"))
          if (line.includes(`"${this.#namespace}/`)) this.#lines.add(line);
      }
    }
  }

  /** "create EtcdMember etcd-abcde", for each time that somebody did it. */
  get done(): readonly string[] {
    return this.#told("step carried out").map(({ step, object }) => `${step} ${object}`);
  }

  /** Steps that were refused, because the world was another one than was looked at. */
  get refused(): readonly string[] {
    return this.#told("step not carried out, looking again").map(
      ({ object, why }) => `${object}: ${why}`,
    );
  }

  #told(message: string): readonly LogLine[] {
    return [...this.#lines]
      .filter((line) => line.includes(`"${message}"`))
      .map((line) => JSON.parse(line) as LogLine);
  }
}

async function operatorPods(): Promise<readonly OperatorPod[]> {
  const list = await kubectl([...ofOperator("get", "pod"), "-o", "json"]);
  return (JSON.parse(list) as { items: readonly OperatorPod[] }).items;
}
