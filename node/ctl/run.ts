/** One command line from its words to its exit code. */
import { type Found, findCommand, parseFlags, unknownCommand } from "./arguments.ts";
import type { Call } from "./command.ts";
import { root } from "./commands.ts";
import { CtlError, exitCode, notServed } from "./ctl-error.ts";
import { discover } from "./discovery.ts";
import { globalFlags } from "./global-flags.ts";
import { helpText } from "./help.ts";
import type { Io } from "./process-io.ts";
import type { Session } from "./session.ts";
import { readEnvironment, readSettings, type Settings } from "./settings.ts";

/** Resolves with the exit code when all is printed and all connections are closed. */
export async function run(io: Io): Promise<number> {
  const sessions: Session[] = [];
  try {
    await runCommand(io, sessions);
    return 0;
  } catch (error) {
    if (!(error instanceof CtlError)) throw error;
    io.err(`${error.message === "" ? "" : `Error: ${error.message}\n`}${error.usage}`);
    return error.code;
  } finally {
    for (const session of sessions) session.close();
  }
}

async function runCommand(io: Io, sessions: Session[]): Promise<void> {
  const found = findCommand(root, globalFlags, io.args);
  const { command, path, flags, stranger } = found;
  if (command === root && stranger !== undefined) {
    const usage = "Run 'etcdctl-ts --help' for usage.\n";
    throw new CtlError(exitCode.error, unknownCommand(stranger), usage);
  }
  if (command.group === "Not served yet") throw notServed(command.name);
  const { args, separatedAt, values } = parsed(found);
  if (values.isOn("help") || command.run === undefined) {
    io.out(helpText(command, path));
    return;
  }
  let settings: Settings | undefined;
  const open = async (endpoints?: readonly string[]): Promise<Session> => {
    const all = call.settings();
    // Loaded here, for commands that need no connection start faster without it.
    const { Session: OpenSession } = await import("./session.ts");
    const session = new OpenSession(all, endpoints ?? (await endpointsOf(io, all)));
    sessions.push(session);
    return session;
  };
  const call: Call = {
    args,
    separatedAt,
    flags: values,
    io,
    settings() {
      if (settings === undefined) {
        const own = command.flags ?? [];
        const shared = flags.filter((flag) => !own.includes(flag) && flag.name !== "help");
        readEnvironment(io, shared, values);
        settings = readSettings(values, globalFlags);
      }
      return settings;
    },
    open: () => open(),
    async connect(endpoints) {
      const session = await open(endpoints);
      try {
        await session.connect();
      } finally {
        warn(io, session.tlsFailure);
      }
      return session;
    },
  };
  await command.run(call);
}

/** What DNS names, and where that is nothing, those of --endpoints. */
async function endpointsOf(io: Io, { discovery, endpoints }: Settings): Promise<readonly string[]> {
  const found = discovery === undefined ? [] : await discover(io, discovery);
  return found.length > 0 ? found : endpoints;
}

/** A line of etcdctl's log: why nothing was reached is not part of the error. */
function warn(io: Io, failure: string | undefined): void {
  if (failure === undefined) return;
  const line = {
    level: "warn",
    ts: new Date().toISOString(),
    logger: "etcd-client",
    msg: "TLS connection failed",
    error: failure,
  };
  io.err(`${JSON.stringify(line)}\n`);
}

function parsed({ command, path, flags, rest }: Found): ReturnType<typeof parseFlags> {
  try {
    return parseFlags(rest, flags);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CtlError(exitCode.error, error.message, helpText(command, path));
  }
}
