/** A machine as clients see it without gRPC: requests go into the member as rpc/ would hand them over. Most runs use this, for speed. */
import type { ApplyResult } from "../../node/apply/result.ts";
import { fromText } from "../../node/lib/bytes.ts";
import type { EtcdErrorKind } from "../../node/lib/etcd-error.ts";
import type { Member } from "../../node/server/member.ts";
import type { EventLoop } from "./event-loop.ts";
import {
  type Answer,
  type Answered,
  type FoundKey,
  foundKey,
  type KvServer,
  type ReadRequest,
  type WriteRequest,
} from "./requests.ts";
import type { World } from "./world.ts";

export interface DirectServerOptions {
  readonly world: World;
  readonly loop: EventLoop;
  readonly member: Member;
  /** Drawn for each way. */
  readonly delayMs: () => number;
}

/** Refusals that come before anything was proposed. */
const certainErrors: ReadonlySet<string> = new Set<EtcdErrorKind>([
  "TooManyRequests",
  "RequestTooLarge",
  "NotSupportedForLearner",
  "Compacted",
  "FutureRev",
]);

const refused = (error: EtcdErrorKind): Answer => ({
  kind: "refused",
  error,
  isCertain: certainErrors.has(error),
});

export class DirectServer implements KvServer {
  private readonly options: DirectServerOptions;
  private readonly open = new Set<Answered>();

  constructor(options: DirectServerOptions) {
    this.options = options;
  }

  write({ field, bytes }: WriteRequest, done: Answered): void {
    const { member } = this.options;
    this.call(done, (reply) => {
      if (member.isLearner) {
        reply(refused("NotSupportedForLearner"));
        return;
      }
      member.propose(field, bytes, 0, bytes.length, {
        applied: (result) => reply(answerOf(result)),
        refused: (error) => reply(refused(error)),
      });
    });
  }

  read(request: ReadRequest, done: Answered): void {
    const { member } = this.options;
    this.call(done, (reply) => {
      const waiter = {
        readable: (): void => reply(readNow(member, request)),
        refused: (error: EtcdErrorKind): void => reply(refused(error)),
      };
      if (request.isSerializable) member.whenReadable(waiter);
      else if (member.isLearner) reply(refused("NotSupportedForLearner"));
      else member.linearizableRead(waiter);
    });
  }

  /** The process is gone: every connection breaks. */
  close(): void {
    const { world, delayMs } = this.options;
    for (const done of this.open) world.after(delayMs(), () => done({ kind: "lost" }));
    this.open.clear();
  }

  private call(done: Answered, run: (reply: Answered) => void): void {
    const { world, loop, delayMs } = this.options;
    this.open.add(done);
    const reply: Answered = (answer) => {
      if (this.open.delete(done)) world.after(delayMs(), () => done(answer));
    };
    world.after(delayMs(), () => loop.dispatch(() => run(reply)));
  }
}

function answerOf(result: ApplyResult): Answer {
  switch (result.kind) {
    case "put":
      return { kind: "written", revision: result.revision, deleted: 0, succeeded: true };
    case "deleteRange":
      return {
        kind: "written",
        revision: result.revision,
        deleted: result.deleted,
        succeeded: true,
      };
    case "txn":
      return {
        kind: "written",
        revision: result.revision,
        deleted: 0,
        succeeded: result.succeeded,
      };
    case "compaction":
    case "alarms":
    case "leaseGrant":
    case "done":
      return { kind: "written", revision: 0, deleted: 0, succeeded: true };
    case "refused":
      return { kind: "refused", error: result.error, isCertain: true };
  }
}

function readNow({ store }: Member, request: ReadRequest): Answer {
  const keys: FoundKey[] = [];
  const revision = request.revision === 0 ? store.currentRevision : request.revision;
  const outcome = store.range(
    {
      key: fromText(request.key),
      rangeEnd: request.rangeEnd === undefined ? undefined : fromText(request.rangeEnd),
      revision: request.revision,
      limit: 0,
      countOnly: false,
    },
    (bytes, start, end) => void keys.push(foundKey(bytes, start, end)),
  );
  if (outcome.kind === "ok") return { kind: "found", revision, keys };
  return refused(outcome.kind === "compacted" ? "Compacted" : "FutureRev");
}
