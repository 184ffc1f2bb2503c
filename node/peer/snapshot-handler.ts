/**
 * Takes whole states from other members: POST /raft/snapshot (etcd rafthttp/http.go, snapshotHandler; checks, texts and statuses are
 * etcd's, in etcd's order, but for one: who is refused anyway is refused before the state, not behind it). The format stands in
 * snapshot-sender.ts. The state goes to disk piece by piece, as the disk takes it; its MsgSnap goes to raft when all of it is there.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { crc32c } from "../lib/crc32c.ts";
import { jsonAnswer, methodNotAllowed, plainError } from "../lib/http-answers.ts";
import { idToHex } from "../lib/units.ts";
import type { Message } from "../raft/messages.ts";
import type { PeerReceiver } from "../server/peer-transport.ts";
import type { ChannelContext } from "./channel-context.ts";
import { checkCompatible, type Sender, senderOf } from "./headers.ts";
import { SnapshotBody } from "./snapshot-body.ts";
import { sumTrailer } from "./snapshot-sender.ts";

/** So long may nothing come. etcd waits until TCP finds out. */
const stallMsDefault = 60_000;

export interface SnapshotHandlerOptions {
  readonly context: Pick<ChannelContext, "self" | "stats" | "clock" | "timers" | "logger">;
  readonly receiver: Pick<PeerReceiver, "receive" | "receiveSnapshot" | "isRemoved">;
  /** A compatible sender, which may not be known yet, says where it can be answered. */
  readonly onSender: (sender: Sender) => void;
  readonly stallMs?: number;
}

export class SnapshotHandler {
  private readonly options: SnapshotHandlerOptions;

  constructor(options: SnapshotHandlerOptions) {
    this.options = options;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    const { context, onSender } = this.options;
    const { self, stats } = context;
    const unknown = stats.of(undefined).snapshotsReceived;
    if (request.method !== "POST") {
      methodNotAllowed(response, "POST");
      unknown.failures += 1;
      return;
    }
    response.setHeader("X-Etcd-Cluster-ID", idToHex(self.clusterId));
    const refusal = checkCompatible(request.headers, self);
    if (refusal !== undefined) {
      plainError(response, refusal.status, refusal.text);
      unknown.failures += 1;
      return;
    }
    onSender(senderOf(request.headers));
    const body = new SnapshotBody(request, context.timers, this.options.stallMs ?? stallMsDefault);
    this.take(body, request, response)
      .catch((error: unknown) => {
        context.logger.error("failed to take a snapshot", { error: String(error) });
        response.destroy();
      })
      .finally(() => body.drain());
  }

  private async take(
    body: SnapshotBody,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { context, receiver } = this.options;
    const { stats, logger } = context;
    const beganMs = context.clock.monotonicMs();
    const message = await this.readMessage(body, request, response);
    if (message === undefined) return;
    const peer = stats.of(message.from);
    const counters = peer.snapshotsReceived;
    if (message.type !== "MsgSnap" || message.snapshot === undefined) {
      counters.failures += 1;
      plainError(response, 400, "wrong raft message type");
      return;
    }
    if (this.isRefused(message, response)) {
      counters.failures += 1;
      return;
    }
    const fields = logFieldsOf(message);
    logger.info("receiving database snapshot", fields);
    counters.inflight += 1;
    try {
      const bytes = await this.save(body, request);
      peer.receivedBytes += bytes;
      logger.info("received and saved database snapshot", { ...fields, bytes });
    } catch (error) {
      counters.failures += 1;
      logger.warn("failed to save incoming database snapshot", { ...fields, error: String(error) });
      plainError(response, 500, `failed to save KV snapshot (${reasonOf(error)})`);
      return;
    } finally {
      counters.inflight -= 1;
    }
    receiver.receive(message);
    response.writeHead(204).end();
    counters.successes += 1;
    counters.seconds.observe((context.clock.monotonicMs() - beganMs) / 1000);
  }

  /**
   * A removed member is told by a 403, as etcd means to do; it says 500 since its error lost the method by which it is known, and its sender
   * still takes a 403 for "you were removed", and stops. So a message for somebody else must not be one: 500, as etcd answers it.
   */
  private isRefused({ from, to }: Message, response: ServerResponse): boolean {
    const { context, receiver } = this.options;
    if (receiver.isRemoved(from)) {
      response.statusCode = 403;
      jsonAnswer(response, '{"message":"cannot process message from removed member"}');
      return true;
    }
    if (to === context.self.memberId) return false;
    const reason = "cannot process message to mismatch member";
    plainError(response, 500, `failed to process raft message (${reason})`);
    return true;
  }

  /** Undefined when the request was answered. */
  private async readMessage(
    body: SnapshotBody,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<Message | undefined> {
    const { stats, logger } = this.options.context;
    try {
      return await body.message();
    } catch (error) {
      const { id } = senderOf(request.headers);
      const peer = stats.of(id);
      peer.receivedFailures += 1;
      peer.snapshotsReceived.failures += 1;
      const from = id === undefined ? undefined : idToHex(id);
      logger.warn("failed to decode Raft message", {
        "remote-snapshot-sender-id": from,
        error: String(error),
      });
      plainError(response, 400, `failed to decode raft message (${reasonOf(error)})`);
      return undefined;
    }
  }

  /** Resolves with the bytes of the state when it is whole and kept. What it rejects with, it has cleaned up after. */
  private async save(body: SnapshotBody, request: IncomingMessage): Promise<number> {
    const { stats, clock } = this.options.context;
    const beganMs = clock.monotonicMs();
    const into = await this.options.receiver.receiveSnapshot();
    try {
      let bytes = 0;
      let sum = 0;
      for (let chunk = await body.next(); chunk !== undefined; chunk = await body.next()) {
        sum = crc32c(chunk, sum);
        bytes += chunk.length;
        await into.write(chunk);
      }
      checkSum(request, sum);
      const wholeMs = clock.monotonicMs();
      await into.finish();
      const keptMs = clock.monotonicMs();
      stats.stateSyncSeconds.observe((keptMs - wholeMs) / 1000);
      stats.stateSaveSeconds.observe((keptMs - beganMs) / 1000);
      return bytes;
    } catch (error) {
      await into.abort();
      throw error;
    }
  }
}

/** A sender that announced a sum has to keep its word. */
function checkSum(request: IncomingMessage, sum: number): void {
  const name = sumTrailer.toLowerCase();
  const isAnnounced = (request.headers.trailer ?? "").toLowerCase().includes(name);
  const said = request.trailers[name];
  if (isAnnounced && said !== sum.toString(16)) {
    throw new Error(`the sum of the body is ${sum.toString(16)}, not ${said ?? "there"}`);
  }
}

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

function logFieldsOf(message: Message): Record<string, unknown> {
  return {
    "remote-snapshot-sender-id": idToHex(message.from),
    "incoming-snapshot-index": message.snapshot?.metadata.index,
  };
}
