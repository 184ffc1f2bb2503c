/** watch --interactive: each line of standard input begins a watch, or asks all of them how far they are. */
import type { Watch } from "../../client/watch.ts";
import { parseFlags } from "../arguments.ts";
import type { Call } from "../command.ts";
import { CtlError, exitCode } from "../ctl-error.ts";
import { LineReader } from "../line-reader.ts";
import { rawText } from "../raw-text.ts";
import type { Session } from "../session.ts";
import { splitWords } from "./txn-text.ts";
import {
  type KeysOfEnvironment,
  type Watched,
  watchedOf,
  watchFlags,
  watchWords,
} from "./watch-arguments.ts";
import { printEvents, startWatch } from "./watch-events.ts";

/** Rejects with CtlError: at the end of the input, for a line that etcdctl ends at, and when a program fails. */
export async function watchLines(call: Call, inherited: KeysOfEnvironment): Promise<never> {
  const session = await call.open();
  const watches = new Watches(call, session);
  const reader = new LineReader(call.io.input());
  try {
    for (;;) {
      const line = await Promise.race([reader.next(), watches.failure]);
      if (line === undefined)
        throw new CtlError(exitCode.invalidInput, "error reading watch request line: EOF");
      follow(call, watches, inherited, rawText(line));
    }
  } finally {
    watches.cancel();
    call.io.closeInput();
  }
}

/** Throws CtlError for what ends the program. */
function follow(call: Call, watches: Watches, inherited: KeysOfEnvironment, line: string): void {
  const words = splitWords(line);
  if (words === undefined) throw new CtlError(exitCode.invalidInput, "invalid syntax");
  const refuse = (text: string): void => call.io.err(`Invalid command${text}\n`);
  const [verb, ...rest] = words;
  if (verb === undefined) refuse(`: ${line} (watch and progress supported)`);
  else if (verb === "progress") watches.requestProgress();
  else if (verb !== "watch") refuse(` ${line} (only support watch)`);
  else if (rest.length === 0 && inherited.length === 0)
    refuse(` ${line} (command type or key is not provided)`);
  else {
    const watched = watchedOfLine(rest, inherited);
    if (typeof watched === "string") refuse(` ${line} (${watched})`);
    else watches.add(watched);
  }
}

/** A text says what is wrong with it. Throws CtlError for what ends the program. */
function watchedOfLine(words: readonly string[], inherited: KeysOfEnvironment): Watched | string {
  const { values, ...args } = parsedLine(words);
  const keysAndProgram = watchWords(args, inherited, true);
  try {
    return watchedOf(keysAndProgram, values);
  } catch (error) {
    if (!(error instanceof CtlError)) throw error;
    return error.message;
  }
}

function parsedLine(words: readonly string[]): ReturnType<typeof parseFlags> {
  try {
    return parseFlags(words, watchFlags);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CtlError(exitCode.badArguments, error.message);
  }
}

class Watches {
  /** Rejects when one of them cannot go on. */
  readonly failure: Promise<never>;
  readonly #call: Call;
  readonly #session: Session;
  readonly #running = new Set<Watch>();
  readonly #fail: (error: unknown) => void;

  constructor(call: Call, session: Session) {
    this.#call = call;
    this.#session = session;
    const { promise, reject } = Promise.withResolvers<never>();
    this.failure = promise;
    this.#fail = reject;
    // Told to whoever waits for the next line.
    promise.catch(() => undefined);
  }

  add(watched: Watched): void {
    const watch = startWatch(this.#session, watched);
    this.#running.add(watch);
    printEvents(this.#call, watch, watched.program)
      .catch(this.#fail)
      .finally(() => this.#running.delete(watch));
  }

  requestProgress(): void {
    for (const watch of this.#running) watch.requestProgress();
  }

  cancel(): void {
    for (const watch of this.#running) watch.cancel();
  }
}
