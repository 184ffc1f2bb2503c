/** A connection for one command: a client whose calls share one deadline, and errors as etcdctl prints them. */
import { Client } from "../client/client.ts";
import { ClientError } from "../client/client-error.ts";
import { Connection, type ConnectionOptions } from "../client/connection.ts";
import { grpcCodeNames } from "../lib/grpc-code-names.ts";
import { ClientKeySpace } from "./client-key-space.ts";
import { CtlError, exitCode } from "./ctl-error.ts";
import type { Settings } from "./settings.ts";

const deadlineExceeded = 4;

/** Errors of etcd by their text alone, others with gRPC's code. Throws what is no ClientError. */
export function errorText(error: unknown): string {
  if (!(error instanceof ClientError)) throw error;
  const { code, text } = error;
  if (text.startsWith("etcdserver: ")) return text;
  if (code === deadlineExceeded) return "context deadline exceeded";
  return `rpc error: code = ${grpcCodeNames[code] ?? `Code(${code})`} desc = ${text}`;
}

type Ask<Result> = (client: Client, options: { readonly deadlineMs: number }) => Promise<Result>;

export class Session {
  /** Its calls reject with ClientError. */
  readonly client: Client;
  readonly #where: ConnectionOptions;
  readonly #commandTimeoutMs: number;
  #connection: Connection | undefined;
  /** Unix milliseconds. */
  readonly #deadline: number;
  readonly #dialTimeoutMs: number;

  /** Throws CtlError for an endpoint that is none. Nothing is sent yet. */
  constructor(settings: Settings, endpoints: readonly string[]) {
    const { isWanted, options } = settings.tls;
    const addresses = endpoints.map(addressOf);
    // The first one speaks for all, as in etcdctl.
    const [first = ""] = endpoints;
    const isSecure = first.startsWith("https:") || (isWanted && !first.startsWith("http:"));
    const scheme = isSecure ? "https" : "http";
    this.#where = {
      endpoints: addresses.map((address) => `${scheme}://${address}`),
      tls: options,
    };
    this.client = new Client(this.#where);
    this.#commandTimeoutMs = settings.commandTimeoutMs;
    this.#deadline = Date.now() + settings.commandTimeoutMs;
    this.#dialTimeoutMs = settings.dialTimeoutMs;
  }

  /** Rejects with CtlError, exit code 1, when no endpoint is reached in time. */
  connect(): Promise<void> {
    return this.ask((client) => client.connect({ deadlineMs: this.#dialTimeoutMs }));
  }

  /** Why no TLS connection came about, if that is known. */
  get tlsFailure(): string | undefined {
    return this.client.lastFailure;
  }

  /** One call or several; `options` carry what is left of the time. Rejects with CtlError, exit code 1, when one fails. */
  ask<Result>(call: Ask<Result>): Promise<Result> {
    return this.#ask(call, Math.max(this.#deadline - Date.now(), 1));
  }

  /** The same with all of --command-timeout for itself: for commands that have waited before. */
  askAnew<Result>(call: Ask<Result>): Promise<Result> {
    return this.#ask(call, this.#commandTimeoutMs);
  }

  /** For calls that go on for as long as they like. Rejects with CtlError, exit code 1, or what the call rejects with that is no ClientError. */
  async during<Result>(call: (client: Client) => Promise<Result>): Promise<Result> {
    try {
      return await call(this.client);
    } catch (error) {
      if (error instanceof CtlError) throw error;
      throw new CtlError(exitCode.error, errorText(error));
    }
  }

  async #ask<Result>(call: Ask<Result>, deadlineMs: number): Promise<Result> {
    try {
      return await call(this.client, { deadlineMs });
    } catch (error) {
      throw new CtlError(exitCode.error, errorText(error));
    }
  }

  /** For locks and elections. */
  keySpace(): ClientKeySpace {
    this.#connection ??= new Connection(this.#where);
    return new ClientKeySpace(this.#connection, this.#commandTimeoutMs);
  }

  close(): void {
    this.client.close();
    this.#connection?.close();
  }
}

/** Host and port. */
function addressOf(endpoint: string): string {
  if (/^unixs?:/.test(endpoint)) {
    const message = `--endpoints: ${endpoint}: only http:// and https:// are served in this version of etcdctl-ts`;
    throw new CtlError(exitCode.badFeature, message);
  }
  const [, address] = /^(?:https?:\/\/)?((?:\[[^\]]+\]|[^:/[\]]+):[0-9]+)\/?$/.exec(endpoint) ?? [];
  if (address === undefined) {
    const message = `--endpoints: ${endpoint} is no endpoint: give host:port, http://host:port or https://host:port`;
    throw new CtlError(exitCode.badArguments, message);
  }
  return address;
}
