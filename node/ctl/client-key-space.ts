/** The key space as locks and elections need it (node/concurrency/key-space.ts), over the connection of a client. */
import { ClientError } from "../client/client-error.ts";
import type { Connection, Method } from "../client/connection.ts";
import type { KeyValue, Header as PlainHeader } from "../client/kv-types.ts";
import { method } from "../client/methods.ts";
import { Backoff, isTransient } from "../client/retry.ts";
import { Watch } from "../client/watch.ts";
import { CompactedError, type WatchEvent } from "../client/watch-types.ts";
import {
  ConcurrencyError,
  type Header,
  type KeySpace,
  type WatchedEvents,
  type WatchedKeys,
} from "../concurrency/key-space.ts";
import { etcdserverpb, mvccpb } from "../proto/generated/messages.js";
import { int64Long, numberLong, uint64Long } from "../proto/long.ts";

const pb = etcdserverpb;
const txnMethod = method("KV/Txn", false, pb.TxnRequest, pb.TxnResponse);
const rangeMethod = method("KV/Range", true, pb.RangeRequest, pb.RangeResponse);
const deleteMethod = method("KV/DeleteRange", false, pb.DeleteRangeRequest, pb.DeleteRangeResponse);

export class ClientKeySpace implements KeySpace {
  readonly #connection: Connection;
  readonly #timeoutMs: number;

  /** `timeoutMs`: how long a request may take, with all its tries. */
  constructor(connection: Connection, timeoutMs: number) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
  }

  txn(request: etcdserverpb.TxnRequest.$Properties): Promise<etcdserverpb.TxnResponse> {
    return this.#ask(txnMethod, request);
  }

  range(request: etcdserverpb.RangeRequest.$Properties): Promise<etcdserverpb.RangeResponse> {
    return this.#ask(rangeMethod, request);
  }

  deleteRange(
    request: etcdserverpb.DeleteRangeRequest.$Properties,
  ): Promise<etcdserverpb.DeleteRangeResponse> {
    return this.#ask(deleteMethod, request);
  }

  async *watch(
    { key, rangeEnd, startRevision, without }: WatchedKeys,
    signal: AbortSignal,
  ): AsyncGenerator<WatchedEvents, void, undefined> {
    if (signal.aborted) return;
    const watch = new Watch(this.#connection, key, {
      ...(rangeEnd === undefined ? {} : { rangeEnd }),
      startRevision,
      noPut: without === "puts",
      noDelete: without === "deletions",
      metadata: { hasleader: "true" },
    });
    const cancel = (): void => watch.cancel();
    signal.addEventListener("abort", cancel);
    try {
      for await (const { header, events } of watch)
        if (events.length > 0)
          yield { header: headerMessage(header), events: events.map(eventMessage) };
    } catch (error) {
      if (!(error instanceof CompactedError)) throw refusal(error);
    } finally {
      signal.removeEventListener("abort", cancel);
      watch.cancel();
    }
  }

  /**
   * Tries again while members come and go, changes as well: the transactions of locks and elections compare first, and what is deleted twice
   * is deleted.
   */
  async #ask<Request, Response>(
    asked: Method<Request, Response>,
    request: Request,
  ): Promise<Response> {
    const deadline = Date.now() + this.#timeoutMs;
    const backoff = new Backoff();
    for (;;) {
      const deadlineMs = Math.max(deadline - Date.now(), 1);
      try {
        return await this.#connection.call(asked, request, { deadlineMs });
      } catch (error) {
        if (!isTransient(error) || Date.now() >= deadline) throw refusal(error);
      }
      await backoff.wait(new AbortController().signal);
    }
  }
}

/** Throws what is no refusal. */
function refusal(error: unknown): ConcurrencyError {
  if (!(error instanceof ClientError)) throw error;
  return new ConcurrencyError(error.text, error.code);
}

const headerMessage = ({ clusterId, memberId, revision, raftTerm }: PlainHeader): Header => ({
  clusterId: uint64Long(clusterId),
  memberId: uint64Long(memberId),
  revision: numberLong(revision),
  raftTerm: numberLong(raftTerm),
});

const eventMessage = ({ type, kv }: WatchEvent): mvccpb.Event.$Properties => ({
  type: type === "delete" ? mvccpb.Event.EventType.DELETE : mvccpb.Event.EventType.PUT,
  kv: keyValueMessage(kv),
});

const keyValueMessage = (kv: KeyValue): mvccpb.KeyValue.$Properties => ({
  key: kv.key,
  value: kv.value,
  createRevision: numberLong(kv.createRevision),
  modRevision: numberLong(kv.modRevision),
  version: numberLong(kv.version),
  lease: int64Long(kv.lease),
});
