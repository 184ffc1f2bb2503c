/** The calls at the end of a run: they must be answered, and their answers belong to the history. */
import type { SimCluster } from "./cluster.ts";
import type { Machine } from "./machine.ts";
import { type Answer, type KvServer, putRequest } from "./requests.ts";
import { keyName, type Workload } from "./workload.ts";

/** Numbers of clients that the workload does not have. */
const firstClient = 1000;
const attemptsMax = 3;
const retryMs = 500;

export class LastCalls {
  /** Calls without an answer. */
  open = 0;
  private readonly cluster: SimCluster;
  private readonly workload: Workload;
  private nextClient = firstClient;

  constructor(cluster: SimCluster, workload: Workload) {
    this.cluster = cluster;
    this.workload = workload;
  }

  /**
   * A write through this machine, then a read of every key. The leader may change once more behind the faults, and what was on its way is
   * then lost or refused: it is tried again.
   */
  write(machine: Machine, server: KvServer, attempts = attemptsMax): void {
    const { workload, cluster } = this;
    const { name } = machine;
    const key = keyName(cluster.random.below(workload.options.keys));
    const value = workload.newValue();
    const event = workload.begin(this.nextClient++, { kind: "put", key, value });
    this.open += 1;
    server.write(putRequest(key, value), (answer) => {
      this.open -= 1;
      if (answer.kind !== "written") {
        const again = (): void => this.write(machine, server, attempts - 1);
        if (attempts > 1) this.later(machine, server, again);
        else this.refused(`a last write through ${name}`, answer);
        return;
      }
      event.returnMs = cluster.world.nowMs;
      event.revision = answer.revision;
      for (let at = 0; at < workload.options.keys; at++) this.read(machine, server, keyName(at));
    });
  }

  private read(machine: Machine, server: KvServer, key: string, attempts = attemptsMax): void {
    const { workload, cluster } = this;
    const { world } = cluster;
    const client = this.nextClient++;
    const callMs = world.nowMs;
    this.open += 1;
    const request = { key, rangeEnd: undefined, revision: 0, isSerializable: false };
    server.read(request, (answer) => {
      this.open -= 1;
      if (answer.kind !== "found") {
        const again = (): void => this.read(machine, server, key, attempts - 1);
        if (attempts > 1) this.later(machine, server, again);
        else this.refused(`a last read through ${machine.name}`, answer);
        return;
      }
      const [found] = answer.keys;
      const event = workload.begin(client, { kind: "get", key });
      event.callMs = callMs;
      event.returnMs = world.nowMs;
      event.outcome = found?.value;
      event.revision = answer.revision;
      event.modRevision = found?.modRevision;
    });
  }

  /** Unless the member is gone meanwhile: a removal that was asked for before the end may still come through. */
  private later(machine: Machine, server: KvServer, again: () => void): void {
    this.open += 1;
    this.cluster.world.after(retryMs, () => {
      this.open -= 1;
      if (machine.process?.server === server) again();
    });
  }

  private refused(what: string, answer: Answer): void {
    this.cluster.violations.push(`${what} was answered by ${JSON.stringify(answer)}`);
  }
}
