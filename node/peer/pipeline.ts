/**
 * Messages one by one, each as a POST to /raft (etcd rafthttp/pipeline.go): the way while a stream is down, and the only way to a member
 * that is not known yet. Nothing is ever sent again: a proposal would be applied twice.
 */
import type { ClientRequest, IncomingMessage } from "node:http";
import { cloneBytes } from "../lib/bytes.ts";
import type { MemberId } from "../lib/units.ts";
import { Writer } from "../proto/wire.ts";
import type { Message } from "../raft/messages.ts";
import {
  type ChannelContext,
  messageBytes,
  pipelinePostsMax,
  pipelineQueueMax,
  ticksPerTimeout,
  type WaitingBytes,
} from "./channel-context.ts";
import { errorText } from "./dial.ts";
import { writeMessage } from "./message-codec.ts";
import type { PeerStatus } from "./peer-status.ts";
import { textOfAnswer } from "./refusal-text.ts";
import type { UrlPicker } from "./url-picker.ts";

export interface PipelineOptions {
  readonly context: ChannelContext;
  readonly peerId: MemberId;
  readonly status: PeerStatus;
  readonly picker: UrlPicker;
  readonly waiting: WaitingBytes;
}

/** One message under way. */
interface Post {
  readonly url: string;
  readonly request: ClientRequest;
  /** Of the message, as they count among the waiting. */
  readonly waitingBytes: number;
  readonly sentBytes: number;
  /** Ticks since it began. */
  ticks: number;
}

export class Pipeline {
  private readonly options: PipelineOptions;
  private readonly queue: Message[] = [];
  private readonly posts = new Set<Post>();
  private isStopped = false;

  constructor(options: PipelineOptions) {
    this.options = options;
  }

  /** False where it cannot wait. */
  offer(message: Message): boolean {
    if (this.isStopped || this.queue.length >= pipelineQueueMax) return false;
    if (!this.options.waiting.take(messageBytes(message))) return false;
    this.queue.push(message);
    this.pump();
    return true;
  }

  /**
   * To be called `ticksPerTimeout` times in the read time-out. etcd waits without limit; a member that is frozen would then keep all the
   * posts for itself, and nothing would tell raft.
   */
  tick(): void {
    for (const post of this.posts) {
      post.ticks += 1;
      if (post.ticks > ticksPerTimeout) this.fail(post, "i/o timeout");
    }
  }

  stop(): void {
    this.isStopped = true;
    for (const message of this.queue.splice(0)) this.options.waiting.give(messageBytes(message));
    for (const post of this.posts) {
      this.settle(post);
      post.request.destroy();
    }
  }

  private pump(): void {
    while (!this.isStopped && this.posts.size < pipelinePostsMax) {
      const message = this.queue.shift();
      if (message === undefined) return;
      this.post(message);
    }
  }

  private post(message: Message): void {
    const { context, picker } = this.options;
    const writer = new Writer();
    writeMessage(writer, message);
    const url = picker.pick();
    const request = context.dialer.request(url, {
      path: "/raft",
      method: "POST",
      headers: {
        ...context.headers,
        "Content-Type": "application/protobuf",
        "Content-Length": String(writer.position),
      },
      kind: "pipeline",
    });
    const post: Post = {
      url,
      request,
      waitingBytes: messageBytes(message),
      sentBytes: writer.position,
      ticks: 0,
    };
    this.posts.add(post);
    request.once("error", (error) => this.fail(post, errorText(error)));
    request.once("close", () => this.fail(post, "EOF"));
    request.once("response", (response) => this.answered(post, response));
    request.end(cloneBytes(writer.buffer, 0, writer.position));
  }

  private answered(post: Post, response: IncomingMessage): void {
    const { context, peerId, status } = this.options;
    response.on("error", (error) => this.fail(post, errorText(error)));
    textOfAnswer(response, (text) => {
      if (!this.posts.has(post)) return;
      if (response.statusCode === 204) {
        context.stats.of(peerId).sentBytes += post.sentBytes;
        status.activate();
        this.settle(post);
        this.pump();
        return;
      }
      this.fail(post, `unexpected http status ${response.statusCode ?? 0}: ${text}`);
      // etcd takes every 403 for this one; the other means that a member with another id lives at the address now.
      if (response.statusCode === 403 && text.includes("removed member")) context.removed(peerId);
    });
  }

  /** Idempotent, and without effect on a post that came through. */
  private fail(post: Post, reason: string): void {
    if (!this.posts.has(post)) return;
    const { context, peerId, picker, status } = this.options;
    this.settle(post);
    post.request.destroy();
    picker.unreachable(post.url);
    status.deactivate({ source: "pipeline", action: "write", reason });
    context.stats.of(peerId).sentFailures += 1;
    context.unreachable(peerId);
    this.pump();
  }

  private settle(post: Post): void {
    this.posts.delete(post);
    this.options.waiting.give(post.waitingBytes);
  }
}
