/**
 * One client of a history: does an operation through the member it is told, and records what it saw. An answer that did
 * not come leaves the operation open for ever: it may have taken effect, or may yet.
 */
import { status } from "@grpc/grpc-js";
import { Client } from "../../node/client/client.ts";
import { ClientError } from "../../node/client/client-error.ts";
import type { HistoryEvent, KvOperation } from "../sim/checkers/kv-history.ts";

export type SingleKeyOperation = Exclude<KvOperation, { kind: "txn" }>;

/** "failed": an error that says that nothing was done, or a read without an answer, which does nothing either. */
export type Outcome = "acknowledged" | "unknown" | "failed";

interface Answer {
  readonly outcome: HistoryEvent["outcome"];
  readonly revision: number;
}

export interface RecordingClientOptions {
  /** Its number in the history. */
  readonly client: number;
  readonly deadlineMs: number;
  /** Takes each operation when it has ended; those that failed are not told. */
  readonly record: (event: HistoryEvent) => void;
  /** Makes the client of an address, where more than plain text to host:port is wanted. */
  readonly connect?: ((address: string) => Client) | undefined;
  /** Takes each error, for people. */
  readonly failed?: ((address: string, error: ClientError) => void) | undefined;
  /** Reads may be stale: only for showing that the judge notices. */
  readonly readsSerializable?: boolean;
}

export class RecordingClient {
  readonly #options: RecordingClientOptions;
  readonly #clients = new Map<string, Client>();
  /** What this client believes a key to hold: the `expected` of a compare-and-set that has a chance. */
  readonly believed = new Map<string, string | undefined>();

  constructor(options: RecordingClientOptions) {
    this.#options = options;
  }

  /** `address`: the member that is asked, and no other. */
  async run(address: string, operation: SingleKeyOperation): Promise<Outcome> {
    const { client, record } = this.#options;
    const callMs = performance.now();
    try {
      const { outcome, revision } = await this.#ask(this.#clientOf(address), operation);
      const returnMs = performance.now();
      record({ client, operation, callMs, returnMs, outcome, revision });
      this.#believe(operation, outcome);
      return "acknowledged";
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      this.#options.failed?.(address, error);
      this.believed.delete(operation.key);
      if (operation.kind === "get" || changedNothing(error)) return "failed";
      record({ client, operation, callMs, returnMs: undefined, outcome: undefined });
      return "unknown";
    }
  }

  /** An acknowledged put outside of the history. */
  async put(address: string, key: string, value: string): Promise<Outcome> {
    try {
      await this.#clientOf(address).put(key, value, { deadlineMs: this.#options.deadlineMs });
      return "acknowledged";
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      this.#options.failed?.(address, error);
      return changedNothing(error) ? "failed" : "unknown";
    }
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }

  #clientOf(address: string): Client {
    const known = this.#clients.get(address);
    if (known !== undefined) return known;
    const { connect = plainClient } = this.#options;
    const client = connect(address);
    this.#clients.set(address, client);
    return client;
  }

  async #ask(client: Client, operation: SingleKeyOperation): Promise<Answer> {
    const { deadlineMs, readsSerializable = false } = this.#options;
    const options = { deadlineMs };
    const { key } = operation;
    switch (operation.kind) {
      case "put": {
        const { header } = await client.put(key, operation.value, options);
        return { outcome: undefined, revision: header.revision };
      }
      case "delete": {
        const { header, deleted } = await client.delete(key, options);
        return { outcome: deleted, revision: header.revision };
      }
      case "get": {
        const found = await client.range(key, { ...options, serializable: readsSerializable });
        const value = found.kvs[0]?.value;
        const outcome = value === undefined ? undefined : Buffer.from(value).toString();
        return { outcome, revision: found.header.revision };
      }
      case "cas": {
        const { expected, value } = operation;
        const target = expected === undefined ? { createRevision: 0 } : { value: expected };
        const { header, succeeded } = await client.txn(
          {
            compare: [{ key, result: "equal", target }],
            success: [{ type: "put", key, value }],
          },
          options,
        );
        return { outcome: succeeded, revision: header.revision };
      }
    }
  }

  #believe(operation: SingleKeyOperation, outcome: HistoryEvent["outcome"]): void {
    const { key, kind } = operation;
    if (kind === "get") this.believed.set(key, outcome as string | undefined);
    else if (kind === "delete" || outcome === false) this.believed.delete(key);
    else this.believed.set(key, operation.value);
  }
}

const plainClient = (address: string): Client => new Client({ endpoints: [address] });

/**
 * True if the request never left, as grpc-js had no connection to send it on, or if the applier does nothing at all (alarm CORRUPT). Anything else may have
 * been done: for lack of space too, since the write that raises the alarm is done and answered so (server/etcdserver/apply/quota.go, Put).
 */
function changedNothing({ code, text }: ClientError): boolean {
  if (code === status.DATA_LOSS) return text === "etcdserver: corrupt cluster";
  return code === status.UNAVAILABLE && text.startsWith("No connection established");
}
