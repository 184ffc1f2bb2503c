/** What the Lease calls give, and renewing a lease for as long as it is wanted (client/v3/lease.go). */
import { status } from "@grpc/grpc-js";
import type { etcdserverpb } from "../proto/generated/messages.js";
import { int64Long, longToBigint, longToNumber } from "../proto/long.ts";
import { ClientError } from "./client-error.ts";
import type { Connection } from "./connection.ts";
import type { Duplex } from "./duplex.ts";
import { header } from "./kv-results.ts";
import type { Header } from "./kv-types.ts";
import { keepAliveMethod } from "./methods.ts";
import { Backoff, isTransient, sleep } from "./retry.ts";

export interface LeaseGrant {
  readonly header: Header;
  readonly id: bigint;
  /** What was granted; the server has a lower bound. */
  readonly ttlSeconds: number;
}

export interface LeaseRenewal {
  readonly header: Header;
  readonly id: bigint;
  readonly ttlSeconds: number;
}

export interface LeaseTimes {
  readonly header: Header;
  readonly id: bigint;
  /** What is left; -1 when there is no such lease. */
  readonly ttlSeconds: number;
  readonly grantedTtlSeconds: number;
  /** Only when asked for. */
  readonly keys: readonly Uint8Array[];
}

export interface Leases {
  readonly header: Header;
  readonly ids: readonly bigint[];
}

export const grantResult = (message: etcdserverpb.LeaseGrantResponse.$Properties): LeaseGrant => ({
  header: header(message.header),
  id: longToBigint(message.ID),
  ttlSeconds: longToNumber(message.TTL),
});

export const timesResult = (
  message: etcdserverpb.LeaseTimeToLiveResponse.$Properties,
): LeaseTimes => ({
  header: header(message.header),
  id: longToBigint(message.ID),
  ttlSeconds: longToNumber(message.TTL),
  grantedTtlSeconds: longToNumber(message.grantedTTL),
  keys: (message.keys ?? []).map((key) => new Uint8Array(key)),
});

export const leasesResult = (message: etcdserverpb.LeaseLeasesResponse.$Properties): Leases => ({
  header: header(message.header),
  ids: (message.leases ?? []).map(({ ID }) => longToBigint(ID)),
});

type Stream = Duplex<
  etcdserverpb.LeaseKeepAliveRequest.$Properties,
  etcdserverpb.LeaseKeepAliveResponse.$Properties
>;

const notFound = (): ClientError =>
  new ClientError(status.NOT_FOUND, "etcdserver: requested lease not found");

const renewal = (message: etcdserverpb.LeaseKeepAliveResponse.$Properties): LeaseRenewal => ({
  header: header(message.header),
  id: longToBigint(message.ID),
  ttlSeconds: longToNumber(message.TTL),
});

/** One renewal. Tries again while members come and go; rejects with NotFound when there is no such lease. */
export async function keepAliveOnce(
  connection: Connection,
  id: bigint,
  signal: AbortSignal,
): Promise<LeaseRenewal> {
  const backoff = new Backoff();
  for (;;) {
    signal.throwIfAborted();
    const stream = connection.duplex(keepAliveMethod, {});
    const cancel = (): void => stream.cancel();
    signal.addEventListener("abort", cancel);
    try {
      stream.send({ ID: int64Long(id) });
      for await (const message of stream.responses()) {
        if (longToNumber(message.TTL) <= 0) throw notFound();
        return renewal(message);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!isTransient(error)) throw error;
    } finally {
      signal.removeEventListener("abort", cancel);
    }
    await backoff.wait(signal);
  }
}

/**
 * Renews the lease whenever a third of its time is over, until it is stopped or the lease is lost. Nobody has to read the renewals for that; one
 * who reads gets the latest.
 */
export class LeaseKeepAlive implements AsyncIterable<LeaseRenewal> {
  /** Resolves with why it ended. "lost": there is no such lease any more, or nobody could be asked before it must have ended. */
  readonly ended: Promise<"stopped" | "lost">;
  private readonly connection: Connection;
  private readonly id: bigint;
  private readonly stopping = new AbortController();
  private latest: LeaseRenewal | undefined;
  private wake: () => void = () => undefined;
  private isOver = false;
  private stream: Stream | undefined;
  /** Of Date.now, when the lease must have ended if no renewal came; unknown before the first one. */
  private deadlineMs = Infinity;

  constructor(connection: Connection, id: bigint) {
    this.connection = connection;
    this.id = id;
    this.ended = this.run().finally(() => {
      this.isOver = true;
      this.wake();
    });
    // Told to whoever asks for it.
    this.ended.catch(() => undefined);
  }

  stop(): void {
    this.stopping.abort();
    this.stream?.cancel();
  }

  /** Ends with the lease; leaving it does not stop the renewals. */
  async *[Symbol.asyncIterator](): AsyncGenerator<LeaseRenewal, void, undefined> {
    for (;;) {
      const { latest } = this;
      if (latest !== undefined) {
        this.latest = undefined;
        yield latest;
      } else if (this.isOver) {
        await this.ended;
        return;
      } else
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
    }
  }

  private isStopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private async run(): Promise<"stopped" | "lost"> {
    const { signal } = this.stopping;
    const backoff = new Backoff();
    while (!this.isStopped() && Date.now() < this.deadlineMs) {
      try {
        if (await this.once(backoff)) return "lost";
      } catch (error) {
        if (this.isStopped()) break;
        if (!isTransient(error)) throw error;
      }
      await backoff.wait(signal);
    }
    return this.isStopped() ? "stopped" : "lost";
  }

  /** One stream, until it ends; true when the lease is lost. */
  private async once(backoff: Backoff): Promise<boolean> {
    const { signal } = this.stopping;
    const stream = this.connection.duplex(keepAliveMethod, {});
    this.stream = stream;
    // A member that hangs is no reason to wait beyond the end of the lease.
    const overdue = setTimeout(
      () => stream.cancel(),
      Math.min(Math.max(0, this.deadlineMs - Date.now()), timerMsMax),
    );
    const late = { timer: overdue };
    try {
      stream.send({ ID: int64Long(this.id) });
      for await (const message of stream.responses()) {
        backoff.succeeded();
        const ttlSeconds = longToNumber(message.TTL);
        if (ttlSeconds <= 0) return true;
        this.latest = renewal(message);
        this.wake();
        this.deadlineMs = Date.now() + ttlSeconds * 1000;
        clearTimeout(late.timer);
        late.timer = setTimeout(() => stream.cancel(), Math.min(ttlSeconds * 1000, timerMsMax));
        await sleep(Math.min((ttlSeconds * 1000) / 3, timerMsMax), signal);
        if (this.isStopped()) return false;
        stream.send({ ID: int64Long(this.id) });
      }
      return false;
    } catch (error) {
      // Our own cancel: the time is over.
      if (Date.now() >= this.deadlineMs) return true;
      throw error;
    } finally {
      clearTimeout(late.timer);
    }
  }
}

/** The longest delay that setTimeout takes. */
const timerMsMax = 2 ** 31 - 1;
