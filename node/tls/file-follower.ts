/**
 * Follows the files of one side on the disk. Looks by stat, because a watch on a file does not see the symlinks above it turn, and on a network file system sees
 * nothing; reads after a change; and hands a content on when it has rested, so that a certificate whose key is still being written is no error.
 */
import type { Clock, Timer, Timers } from "../lib/ports.ts";
import { type FilesContent, lookAt, readTogether, type TlsFile } from "./tls-files.ts";

/** Together below the second in which a change must be in use. */
const lookMs = 500;
const restMs = 100;
/** Times in a file system are as coarse as 4 ms, so a write right after a reading may leave what stat says as it was: so many looks more read regardless. */
const readsAfterChange = 2;

export interface FollowerOptions {
  readonly files: readonly TlsFile[];
  /** What is in use at the start. */
  readonly content: FilesContent;
  /** Runs once for each content that is another than the one before and has rested; the next look waits for it. Must not reject. */
  readonly onContent: (content: FilesContent) => Promise<void>;
  /** Runs at every look. */
  readonly onLook: () => void;
  readonly ports: { readonly clock: Clock; readonly timers: Timers };
}

export class FileFollower {
  private readonly options: FollowerOptions;
  private timer: Timer | undefined;
  private isClosed = false;
  private look: string;
  /** Of the content that was handed on last. */
  private digest: string;
  /** A new content that has not rested yet. */
  private restingDigest: string | undefined;
  private readsLeft = readsAfterChange;

  constructor(options: FollowerOptions) {
    this.options = options;
    this.look = options.content.look;
    this.digest = options.content.digest;
    this.waitFor(lookMs);
  }

  close(): void {
    this.isClosed = true;
    this.timer?.cancel();
  }

  private waitFor(delayMs: number): void {
    if (this.isClosed) return;
    this.timer = this.options.ports.timers.after(delayMs, () => void this.run());
  }

  private async run(): Promise<void> {
    const { clock } = this.options.ports;
    const beganMs = clock.monotonicMs();
    this.options.onLook();
    await this.lookOnce();
    const tookMs = clock.monotonicMs() - beganMs;
    this.waitFor(this.restingDigest === undefined ? Math.max(lookMs - tookMs, restMs) : restMs);
  }

  private async lookOnce(): Promise<void> {
    const look = await lookAt(this.options.files);
    if (look !== this.look) this.readsLeft = readsAfterChange;
    else if (this.readsLeft === 0) return;
    else this.readsLeft -= 1;
    const content = await readTogether(this.options.files);
    this.look = content.look;
    if (this.isClosed) return;
    if (content.digest === this.digest) {
      this.restingDigest = undefined;
    } else if (content.digest === this.restingDigest) {
      this.restingDigest = undefined;
      this.digest = content.digest;
      await this.options.onContent(content);
    } else {
      this.restingDigest = content.digest;
      this.readsLeft = readsAfterChange;
    }
  }
}
