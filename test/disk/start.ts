/** Starting members with directories of the test's choice. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, type ServerCommand, ServerProcess } from "../support/server-process.ts";

export interface Ports {
  readonly client: number;
  readonly peer: number;
}

export async function freshPorts(): Promise<Ports> {
  return { client: await freePort(), peer: await freePort() };
}

export interface StartOptions {
  readonly ports: Ports;
  /** The ports that the member was made with, where they differ. */
  readonly advertised?: Ports;
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Where its log goes; beside the data directory when not given. */
  readonly logFile?: string;
}

let count = 0;
const started = new Set<ServerProcess>();

export function startWith(
  command: ServerCommand,
  dataDirectory: string,
  options: StartOptions,
): ServerProcess {
  const { ports, advertised = ports, flags = [], environment = {} } = options;
  const member = new ServerProcess({
    command,
    dataDirectory,
    logFile: options.logFile ?? join(dataDirectory, "..", `member-${process.pid}-${++count}.log`),
    clientPort: ports.client,
    peerPort: ports.peer,
    advertisedPeerPort: advertised.peer,
    flags,
    environment,
  });
  started.add(member);
  return member;
}

/** Ends what a failed test left running. */
export async function stopAll(): Promise<void> {
  for (const member of started) await member.stop("SIGKILL");
}

/** The lines of level "error" in a member's log. What is no JSON line counts too: nothing else may be printed. */
export function errorLines(logFile: string): string[] {
  return readFileSync(logFile, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !/^{"level":"(debug|info|warn)"/.test(line));
}
