/** One watch: prints what it is told, and runs a program for each event. */
import { ClientError } from "../../client/client-error.ts";
import type { Watch } from "../../client/watch.ts";
import { CompactedError, type WatchEvent, type WatchResponse } from "../../client/watch-types.ts";
import type { Call } from "../command.ts";
import { CtlError, exitCode } from "../ctl-error.ts";
import { quote } from "../go-text.ts";
import { printer } from "../printer/printer.ts";
import { eventName } from "../printer/rows.ts";
import { rawText } from "../raw-text.ts";
import type { Session } from "../session.ts";
import type { Watched } from "./watch-arguments.ts";

export function startWatch(session: Session, watched: Watched): Watch {
  const { key, rangeEnd, isPrefix, startRevision, prevKv, progressNotify } = watched;
  return session.client.watch(key, {
    ...(rangeEnd === undefined ? {} : { rangeEnd }),
    isPrefix,
    startRevision,
    prevKv,
    progressNotify,
    // A member that has lost its leader would be silent: another one is asked then.
    metadata: { hasleader: "true" },
  });
}

/** Resolves when the server has ended the watch, which is told, or it was cancelled. Rejects with CtlError when the program fails. */
export async function printEvents(
  call: Call,
  watch: Watch,
  program: readonly string[],
): Promise<void> {
  try {
    for await (const response of watch) await printResponse(call, response, program);
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    call.io.err(`watch was canceled (${error.text})\n`);
    const { header, compactRevision } =
      error instanceof CompactedError ? error : { header: noHeader, compactRevision: 0 };
    printer(call).watch({ header, events: [], compactRevision, isCanceled: true });
  }
}

const noHeader = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };

async function printResponse(
  call: Call,
  response: WatchResponse,
  program: readonly string[],
): Promise<void> {
  const { header, events } = response;
  if (events.length === 0) call.io.out(`progress notify: ${header.revision}\n`);
  printer(call).watch({ ...response, isCanceled: false, compactRevision: 0 });
  if (program.length === 0) return;
  for (const event of events) await runFor(call, event, header.revision, program);
}

async function runFor(
  { io }: Call,
  { type, kv }: WatchEvent,
  revision: number,
  program: readonly string[],
): Promise<void> {
  const variables = {
    ETCD_WATCH_REVISION: String(revision),
    ETCD_WATCH_EVENT_TYPE: quote(eventName(type)),
    ETCD_WATCH_KEY: quote(rawText(kv.key)),
    ETCD_WATCH_VALUE: quote(rawText(kv.value)),
  };
  const { error } = await io.execute(program, { ...io.env, ...variables });
  if (error === "") return;
  io.err(`command [${program.map(quote).join(" ")}] error (${error})\n`);
  throw new CtlError(exitCode.error, "");
}
