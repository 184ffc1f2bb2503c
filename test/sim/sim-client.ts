/** One client: one operation at a time, each at whichever machine it picks. */
import type { KvOperation } from "./checkers/kv-history.ts";
import {
  type Answer,
  compactRequest,
  deleteRequest,
  type Expected,
  putRequest,
  type ReadRequest,
  txnRequest,
  type WriteRequest,
} from "./requests.ts";
import { type Client, keyName, type OpenEvent, type Workload } from "./workload.ts";

/** A client gives up after so long; its operation may still have an effect. */
const patienceMs = 9000;
/** Pause when nobody listens. */
const retryMs = 300;

export class SimClient implements Client {
  isWaiting = false;
  private readonly number: number;
  private readonly workload: Workload;

  constructor(number: number, workload: Workload) {
    this.number = number;
    this.workload = workload;
  }

  start(): void {
    this.later();
  }

  private later(): void {
    const { workload } = this;
    const { world, pauseMs } = workload.options;
    const isBurst = workload.random.chance(0.5);
    const delayMs = isBurst ? workload.random.below(10) : workload.random.below(4 * pauseMs);
    world.after(delayMs, () => this.next());
  }

  private next(): void {
    const { workload } = this;
    const { random, options } = workload;
    if (!workload.isActive) return;
    if (options.servers().length === 0) {
      options.world.after(retryMs, () => this.next());
      return;
    }
    workload.operations += 1;
    if (random.chance(options.compactRate)) this.compact();
    else this.operate(random.below(100));
  }

  /** `choice` from 0 to 99: the shares of each kind. */
  private operate(choice: number): void {
    const { workload } = this;
    const { random } = workload;
    const key = keyName(random.below(workload.options.keys));
    const value = workload.newValue();
    if (choice < 34) {
      this.write({ kind: "put", key, value }, putRequest(key, value));
    } else if (choice < 42) {
      this.write({ kind: "delete", key }, deleteRequest(key));
    } else if (choice < 58) {
      const expected = this.expected(key);
      const operation: KvOperation = { kind: "cas", key, expected: expected.value, value };
      this.write(operation, txnRequest([expected], [{ key, value }]));
    } else if (choice < 60 && workload.options.hasTransactions) {
      this.txn(key);
    } else if (choice < 82) {
      this.read({ key, rangeEnd: undefined, revision: 0, isSerializable: false });
    } else if (choice < 87) {
      const rangeEnd = keyName(workload.options.keys);
      this.read({ key, rangeEnd, revision: 0, isSerializable: random.chance(0.3) });
    } else if (choice < 96) {
      this.read({ key, rangeEnd: undefined, revision: 0, isSerializable: true });
    } else {
      const revision = Math.max(1, workload.lastRevision - random.below(10));
      this.read({ key, rangeEnd: undefined, revision, isSerializable: random.chance(0.5) });
    }
  }

  /** Two neighbouring keys at once, under a condition on one of them. */
  private txn(key: string): void {
    const { workload } = this;
    const other = keyName(workload.random.below(workload.options.keys));
    const compares = workload.random.chance(0.5) ? [this.expected(key)] : [];
    const puts = [key, ...(other === key ? [] : [other])].map((name) => ({
      key: name,
      value: workload.newValue(),
    }));
    const operation: KvOperation = {
      kind: "txn",
      compares: compares.map(({ key: name, value }) => ({ key: name, expected: value })),
      puts,
    };
    this.write(operation, txnRequest(compares, puts));
  }

  /** What the key held when it was last seen; compared by value or by revision. */
  private expected(key: string): Expected {
    const { value, modRevision } = this.workload.knownOf(key);
    return { key, value, modRevision: this.workload.random.chance(0.5) ? modRevision : undefined };
  }

  private write(operation: KvOperation, request: WriteRequest): void {
    const { workload } = this;
    const event = workload.begin(this.number, operation);
    this.call(
      (done) => this.server().write(request, done),
      (answer) => {
        if (answer.kind === "written") {
          this.finish(event, answer.revision);
          event.outcome = outcomeOf(operation, answer);
          this.remember(operation, event);
        } else if (answer.kind === "refused" && answer.isCertain) {
          workload.forget(event);
        }
        this.note(event, answer);
      },
    );
  }

  private read(request: ReadRequest): void {
    const { workload } = this;
    const callMs = workload.options.world.nowMs;
    this.call(
      (done) => this.server().read(request, done),
      (answer) => {
        if (answer.kind !== "found") return;
        workload.answered += 1;
        workload.lastRevision = Math.max(workload.lastRevision, answer.revision);
        for (const key of keysIn(request, workload.options.keys)) {
          const found = answer.keys.find((one) => one.key === key);
          const isOld = request.isSerializable || request.revision > 0;
          const event = workload.begin(this.number, { kind: "get", key }, isOld);
          event.callMs = callMs;
          event.returnMs = workload.options.world.nowMs;
          event.outcome = found?.value;
          event.revision = answer.revision;
          event.modRevision = found?.modRevision;
          if (!isOld) workload.saw(key, found);
          this.note(event, answer);
        }
      },
    );
  }

  private compact(): void {
    const { workload } = this;
    const revision = workload.lastRevision - workload.random.below(20);
    if (revision < 1) {
      this.later();
      return;
    }
    this.call(
      (done) => this.server().write(compactRequest(revision), done),
      (answer) => workload.options.world.note(`c${this.number} compact ${revision} ${answer.kind}`),
    );
  }

  private server(): ReturnType<Workload["options"]["servers"]>[number] {
    return this.workload.random.pick(this.workload.options.servers());
  }

  private call(
    send: (done: (answer: Answer) => void) => void,
    use: (answer: Answer) => void,
  ): void {
    let isOver = false;
    this.isWaiting = true;
    const finish = (answer: Answer): void => {
      if (isOver) return;
      isOver = true;
      this.isWaiting = false;
      giveUp.cancel();
      use(answer);
      this.later();
    };
    const giveUp = this.workload.options.world.after(patienceMs, () => finish({ kind: "lost" }));
    send(finish);
  }

  private finish(event: OpenEvent, revision: number): void {
    const { workload } = this;
    event.returnMs = workload.options.world.nowMs;
    if (revision > 0) event.revision = revision;
    workload.answered += 1;
    workload.lastRevision = Math.max(workload.lastRevision, revision);
  }

  private remember(operation: KvOperation, { outcome, revision: modRevision }: OpenEvent): void {
    const { workload } = this;
    if (operation.kind === "put" || (operation.kind === "cas" && outcome === true)) {
      const { key, value } = operation;
      workload.saw(key, { key, value, modRevision: modRevision ?? 0 });
    } else if (operation.kind === "delete") {
      workload.saw(operation.key, undefined);
    }
  }

  private note(event: OpenEvent, answer: Answer): void {
    const { operation, outcome } = event;
    const what =
      "key" in operation ? operation.key : operation.puts.map(({ key }) => key).join("+");
    const how = answer.kind === "refused" ? answer.error : answer.kind;
    const value = "value" in operation ? shortened(operation.value) : "";
    this.workload.options.world.note(
      `c${this.number} ${operation.kind} ${what} ${value} ${how} ${shortened(String(outcome ?? ""))} @${event.revision ?? "?"}`,
    );
  }
}

/** A value without its filling. */
function shortened(value: string): string {
  const end = value.indexOf(" ");
  return end < 0 ? value : value.slice(0, end);
}

function outcomeOf(
  operation: KvOperation,
  answer: Extract<Answer, { kind: "written" }>,
): OpenEvent["outcome"] {
  if (operation.kind === "delete") return answer.deleted;
  return operation.kind === "put" ? undefined : answer.succeeded;
}

function keysIn({ key, rangeEnd }: ReadRequest, keys: number): readonly string[] {
  if (rangeEnd === undefined) return [key];
  const names = Array.from({ length: keys }, (_, at) => keyName(at));
  return names.filter((name) => name >= key && name < rangeEnd);
}
