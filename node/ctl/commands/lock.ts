/** lock: holds a named lock, until it is told to end or while a program runs (etcdctl ctlv3/command/lock_command.go). */
import { lock as acquire, ignoreRefusal, type Lock, unlock } from "../../concurrency/mutex.ts";
import { longToBigint } from "../../proto/long.ts";
import type { Call, Command } from "../command.ts";
import { CtlError, exitCode } from "../ctl-error.ts";
import { printer } from "../printer/printer.ts";
import { rawBytes, rawText } from "../raw-text.ts";
import type { Session } from "../session.ts";
import { abortOf, type LeaseSession, openLease, refusalOf } from "./lease-session.ts";

const failed = (message: string): CtlError => new CtlError(exitCode.error, message);

export const lock: Command = {
  name: "lock",
  group: "Concurrency",
  summary: "Holds a lock, or runs a program while it holds it",
  usage: "<name> [program argument ...]",
  details: `Waits for the lock with this name. Then prints its key and holds it until SIGINT or SIGTERM; or runs the program, gives the lock back,
and ends with the program's exit code. Flags of the program stand behind --, such as: lock name -- sh -c "..."
The program finds ETCD_LOCK_KEY and ETCD_LOCK_REV in its environment.`,
  flags: [
    {
      name: "ttl",
      kind: "integer",
      standard: "10",
      help: "seconds after which the lock is free when its holder is gone",
    },
  ],
  async run(call) {
    const [name, ...program] = call.args;
    if (name === undefined) {
      const message = "lock takes a lock name argument and an optional command to execute";
      throw new CtlError(exitCode.badArguments, message);
    }
    const interrupted = call.io.interrupted();
    const session = await call.connect();
    const held = await openLease(session, Number(call.flags.integer("ttl")));
    try {
      const keys = session.keySpace();
      const { lease, lost } = held;
      const signal = AbortSignal.any([interrupted, lost]);
      const acquired = await acquire(keys, { name: rawBytes(name), lease, signal });
      try {
        if (program.length > 0) await runProgram(call, program, acquired);
        else await hold(call, session, { ...acquired, interrupted, lost });
      } catch (error) {
        await unlock(keys, acquired.key).catch(ignoreRefusal);
        throw error;
      }
      await unlock(keys, acquired.key);
    } catch (error) {
      if (error instanceof CtlError) throw error;
      throw failure(error, interrupted, held);
    } finally {
      await held.close();
    }
  },
};

function failure(error: unknown, interrupted: AbortSignal, { lost }: LeaseSession): CtlError {
  if (interrupted.aborted) return failed("context canceled");
  if (lost.aborted) return failed("mutex: session is expired");
  return refusalOf(error);
}

async function runProgram(
  { io }: Call,
  program: readonly string[],
  { key, header }: Lock,
): Promise<void> {
  const variables = { ETCD_LOCK_KEY: rawText(key), ETCD_LOCK_REV: revisionText(header) };
  const { code, error } = await io.execute(program, { ...variables, ...io.env });
  if (error !== "") throw new CtlError(code, error);
}

const revisionText = ({ revision }: Lock["header"]): string => String(longToBigint(revision));

interface Holding extends Lock {
  readonly interrupted: AbortSignal;
  readonly lost: AbortSignal;
}

async function hold(call: Call, session: Session, holding: Holding): Promise<void> {
  const { key, interrupted, lost } = holding;
  const result = await session.askAnew((client, options) => client.range(key, options));
  if (result.kvs.length === 0) throw failed("lock lost on init");
  printer(call).get(result);
  await abortOf(interrupted, lost);
  if (!interrupted.aborted) throw failed("session expired");
}
