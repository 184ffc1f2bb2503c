/** One endpoint of a client: its channel, and what is known of why there is no connection. */
import {
  Client as Channel,
  connectivityState,
  credentials,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { ClientError } from "./client-error.ts";
import { type ClientTls, TlsCredentials } from "./tls-credentials.ts";
import { tlsErrorText } from "./tls-error.ts";

const channelOptions = {
  // An HTTP proxy in the environment is meant for the web, not for the cluster.
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  // A member that restarts is reached again at once, and not after gRPC's two minutes.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1000,
};

export class Endpoint {
  readonly name: string;
  readonly channel: Channel;
  private readonly tls: TlsCredentials | undefined;

  /** Throws TypeError for a name that is no endpoint, and for https when the certificates are bad. Connects when the first call comes, or with `ready`. */
  constructor(name: string, tls: ClientTls) {
    const [, scheme, address = ""] = /^(?:(https?):\/\/)?([^/]+)\/?$/.exec(name) ?? [];
    if (address === "") throw new TypeError(`${name} is no endpoint: host:port is`);
    if (scheme === "https") tls.check();
    this.name = name;
    this.tls = scheme === "https" ? new TlsCredentials(tls, name, hostOf(address)) : undefined;
    this.channel = new Channel(address, this.tls ?? credentials.createInsecure(), channelOptions);
  }

  /** Why the last TLS connection could not be used, if that is known. */
  get lastFailure(): string | undefined {
    return this.tls?.lastFailure;
  }

  /** Of an error that a call or a stream of the channel ended with. Undefined when it is none of gRPC. */
  errorOf(error: unknown): ClientError | undefined {
    const { code, details } = error as Partial<ServiceError>;
    if (code === undefined || details === undefined) return undefined;
    return new ClientError(code, this.textOf(code, details), { cause: error });
  }

  /**
   * Resolves when there is a connection; rejects at the deadline, of Date.now. (The library's own waitForReady connects anew when its channel is
   * closed meanwhile, and so keeps the process.)
   */
  ready(deadline: number): Promise<void> {
    const inner = this.channel.getChannel();
    return new Promise((resolve, reject) => {
      const look = (error?: Error): void => {
        const state = inner.getConnectivityState(false);
        if (state === connectivityState.READY) resolve();
        else if (error !== undefined) reject(error);
        else if (state === connectivityState.SHUTDOWN) reject(new Error("the channel was closed"));
        else {
          inner.getConnectivityState(true);
          inner.watchConnectivityState(state, deadline, look);
        }
      };
      look();
    });
  }

  /** The library's text for a call that was never sent holds the cause among notes about itself, and with OpenSSL's places in its sources. */
  private textOf(code: number, details: string): string {
    const [, last] =
      /^No connection established\. Last error: ([^]*?)\. Resolution note: /.exec(details) ?? [];
    if (code !== status.UNAVAILABLE || last === undefined) return details;
    const message = last.replace(/^(?:Type)?Error: /, "").replace(/\s*\(\d{4}-[0-9T:.-]+Z\)$/, "");
    const cause = this.lastFailure ?? tlsErrorText(new Error(message));
    return `No connection established to ${this.name}: ${cause}`;
  }
}

/** Without port, and without the brackets of an IPv6 address. */
const hostOf = (address: string): string =>
  address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
