/** The end of the process, whatever of it is there already: by a signal, by a removal. */
import { handOverSignals } from "./early-signals.ts";
import type { GrpcTransport } from "./grpc/transport.ts";
import type { Health } from "./http/health.ts";
import { systemClock } from "./lib/platform/clock.ts";
import type { Listener, Logger } from "./lib/ports.ts";
import type { Member } from "./server/member.ts";

/** Two signals in such a time are one that came by two ways. */
const sameSignalMs = 500;

/** A server whose listeners are closed first. */
interface Served {
  readonly listeners: readonly Listener[];
  readonly server: { close(): void };
}

/** Ends clients and metrics first, then the member, which still needs its peers to hand its leadership over, then the peer port. */
export class Shutdown {
  peers: Served | undefined;
  metrics: Served | undefined;
  member: Member | undefined;
  clients:
    | {
        readonly listeners: readonly Listener[];
        readonly transports: readonly GrpcTransport[];
        readonly http: { close(): void };
        readonly health: Health;
        readonly grpcHealth: { stop(): void };
      }
    | undefined;
  /** It has begun. */
  isStopping = false;

  private readonly logger: Logger;
  private readonly exit: (code: number) => void;
  private readonly atEnd: (() => void)[] = [];

  /**
   * The first signal stops in order, a second one at once. npm passes on what the terminal has sent to both: that is one. `exit` ends the
   * process, with the last lines of the log written.
   */
  constructor(logger: Logger, exit: (code: number) => void) {
    this.logger = logger;
    this.exit = exit;
    let firstMs = Infinity;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        if (systemClock.monotonicMs() - firstMs > sameSignalMs) exit(1);
        firstMs = Math.min(firstMs, systemClock.monotonicMs());
        this.stop(signal);
      });
    }
    handOverSignals();
  }

  /** `run` comes last of all. */
  onEnd(run: () => void): void {
    this.atEnd.push(run);
  }

  /** `reason`: the signal, or what else it is. Twice is fine. */
  stop(reason: string): void {
    this.begin(reason, () => this.end());
  }

  /**
   * The member was removed. Calls that wait for the cluster would wait for ever, and a watch would use up the time that calls have to end:
   * so they are answered with "server stopped" and nothing is waited for. Etcd ends at once, too (etcdmain/etcd.go).
   */
  leave(): void {
    this.begin("member removed", async () => {
      this.tellUnready();
      await closeAll(this.clients?.listeners);
      await this.member?.stop();
    });
  }

  private begin(reason: string, end: () => Promise<void>): void {
    if (this.isStopping) return;
    this.isStopping = true;
    this.logger.info("received signal; shutting down", { signal: reason });
    end().then(
      () => this.exit(0),
      (error: unknown) => {
        this.logger.error("could not stop in order", { error });
        this.exit(1);
      },
    );
  }

  /** Who watches the member's health goes elsewhere before anything is closed. */
  private tellUnready(): void {
    if (this.clients === undefined) return;
    this.clients.health.servesClients = false;
    this.clients.grpcHealth.stop();
  }

  private async end(): Promise<void> {
    const { clients, metrics, member, peers } = this;
    this.tellUnready();
    await closeAll(clients?.listeners);
    await Promise.all(clients?.transports.map((transport) => transport.shutdown()) ?? []);
    clients?.http.close();
    await closeAll(metrics?.listeners);
    metrics?.server.close();
    await member?.stop();
    await closeAll(peers?.listeners);
    peers?.server.close();
    for (const run of this.atEnd) run();
    this.logger.info("closed etcd server");
  }
}

async function closeAll(listeners: readonly Listener[] = []): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.close()));
}
