/** The traces of test/peers/raft: what go.etcd.io/raft did under random schedules. The Go sources (trace.go) explain the fields. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

import { emptyBytes } from "../../../node/lib/bytes.ts";
import type { LogIndex, MemberId, Term } from "../../../node/lib/units.ts";
import { type Message, type MessageType, message } from "../../../node/raft/messages.ts";
import type { RaftStatus } from "../../../node/raft/status.ts";
import type { ConfState, Entry, EntryType, SnapshotMetadata } from "../../../node/raft/types.ts";
import { goPeer } from "../../support/peers.ts";

export interface TraceOptions {
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly messageBytesMax: number;
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  readonly uncommittedBytesMax: number;
  readonly checkQuorum: boolean;
  readonly preVote: boolean;
  readonly stepDownOnRemoval: boolean;
}

export interface TraceHeader {
  readonly seed: number;
  readonly options: TraceOptions;
  readonly start: TraceSnapshot;
  readonly members: readonly string[];
  readonly joiners: readonly string[];
}

export interface TraceConf {
  readonly voters?: readonly string[];
  readonly learners?: readonly string[];
  readonly outgoing?: readonly string[];
  readonly learnersNext?: readonly string[];
  readonly autoLeave?: boolean;
}

export interface TraceSnapshot {
  readonly index: number;
  readonly term: number;
  readonly conf: TraceConf;
}

export interface TraceEntry {
  readonly term?: number;
  readonly index?: number;
  readonly type?: number;
  readonly data?: string;
}

export interface TraceMessage {
  readonly type: MessageType;
  readonly to: string;
  readonly from: string;
  readonly term?: number;
  readonly logTerm?: number;
  readonly index?: number;
  readonly entries?: readonly TraceEntry[];
  readonly commit?: number;
  readonly snapshot?: TraceSnapshot;
  readonly reject?: boolean;
  readonly rejectHint?: number;
  readonly context?: string;
}

export interface TraceChange {
  readonly version: 1 | 2;
  readonly id?: string;
  readonly transition?: number;
  readonly changes: readonly { readonly type: number; readonly node: string }[] | null;
  readonly context?: string;
}

export interface TraceAction {
  readonly kind: string;
  readonly node: string;
  readonly message?: number;
  readonly entries?: readonly TraceEntry[];
  readonly change?: TraceChange;
  readonly context?: string;
  readonly peer?: string;
  readonly failed?: boolean;
  readonly index?: number;
  readonly commit?: number;
}

/** What an action led to: the part of a line that ours is held against. */
export interface TraceOutcome {
  dropped?: boolean;
  messages?: TraceMessage[];
  committed?: TraceEntry[];
  reads?: { readonly index: number; readonly context: string }[];
  confStates?: (TraceConf | null)[];
  status?: object;
}

export interface TraceStep extends TraceOutcome {
  readonly action: TraceAction;
  readonly draws?: readonly number[];
}

/** All steps of one schedule. */
export interface Trace {
  readonly header: TraceHeader;
  readonly steps: readonly TraceStep[];
}

export interface TraceRequest {
  readonly firstSeed: number;
  readonly schedules: number;
  readonly actions: number;
}

/** Runs the Go program and hands out one schedule after the other. */
export async function* goTraces(request: TraceRequest): AsyncGenerator<Trace> {
  const { firstSeed, schedules, actions } = request;
  const child = spawn(goPeer("raft"), [firstSeed, schedules, actions].map(String), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  let header: TraceHeader | undefined;
  let steps: TraceStep[] = [];
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as TraceHeader | TraceStep;
    if ("action" in line) {
      steps.push(line);
      continue;
    }
    if (header !== undefined) yield { header, steps };
    header = line;
    steps = [];
  }
  const status = await ended;
  if (status !== 0) throw new Error(`the Go program stopped with status ${status}`);
  if (header !== undefined) yield { header, steps };
}

export const idOf = (text: string | undefined): MemberId => BigInt(text ?? "0") as MemberId;
const indexOf = (value = 0): LogIndex => value as LogIndex;
const termOf = (value = 0): Term => value as Term;
export const bytesOf = (hex = ""): Uint8Array =>
  hex === "" ? emptyBytes : new Uint8Array(Buffer.from(hex, "hex"));
export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

export const entryOf = ({ term, index, type, data }: TraceEntry): Entry => ({
  term: termOf(term),
  index: indexOf(index),
  type: (type ?? 0) as EntryType,
  data: bytesOf(data),
});

const confOf = (conf: TraceConf): ConfState => ({
  voters: (conf.voters ?? []).map(idOf),
  learners: (conf.learners ?? []).map(idOf),
  votersOutgoing: (conf.outgoing ?? []).map(idOf),
  learnersNext: (conf.learnersNext ?? []).map(idOf),
  autoLeave: conf.autoLeave ?? false,
});

export const metadataOf = ({ index, term, conf }: TraceSnapshot): SnapshotMetadata => ({
  index: indexOf(index),
  term: termOf(term),
  confState: confOf(conf),
});

export function messageOf(line: TraceMessage): Message {
  return message({
    type: line.type,
    to: idOf(line.to),
    from: idOf(line.from),
    term: termOf(line.term),
    logTerm: termOf(line.logTerm),
    index: indexOf(line.index),
    entries: (line.entries ?? []).map(entryOf),
    commit: indexOf(line.commit),
    snapshot:
      line.snapshot === undefined
        ? undefined
        : { metadata: metadataOf(line.snapshot), data: emptyBytes },
    reject: line.reject ?? false,
    rejectHint: indexOf(line.rejectHint),
    context: bytesOf(line.context),
  });
}

/** Without what is zero, false or empty, as Go prints it. */
type Sparse<Line> = { [Name in keyof Line]: Line[Name] | undefined };
const orNothing = <Value>(value: Value): Value | undefined =>
  value === 0 || value === false || value === "" || (Array.isArray(value) && value.length === 0)
    ? undefined
    : value;
const idLines = (ids: readonly bigint[]): string[] | undefined => orNothing(ids.map(String));

export const lineOfEntry = ({ term, index, type, data }: Entry): Sparse<Required<TraceEntry>> => ({
  term: orNothing<number>(term),
  index: orNothing<number>(index),
  type: orNothing<number>(type),
  data: orNothing(hexOf(data)),
});

export const lineOfConf = (conf: ConfState): object => ({
  voters: idLines(conf.voters),
  learners: idLines(conf.learners),
  outgoing: idLines(conf.votersOutgoing),
  learnersNext: idLines(conf.learnersNext),
  autoLeave: orNothing(conf.autoLeave),
});

export function lineOfMessage(sent: Message): object {
  const { snapshot } = sent;
  return {
    type: sent.type,
    to: String(sent.to),
    from: String(sent.from),
    term: orNothing<number>(sent.term),
    logTerm: orNothing<number>(sent.logTerm),
    index: orNothing<number>(sent.index),
    entries: orNothing(sent.entries.map(lineOfEntry)),
    commit: orNothing<number>(sent.commit),
    snapshot:
      snapshot === undefined
        ? undefined
        : {
            index: snapshot.metadata.index,
            term: snapshot.metadata.term,
            conf: lineOfConf(snapshot.metadata.confState),
          },
    reject: orNothing(sent.reject),
    rejectHint: orNothing<number>(sent.rejectHint),
    context: orNothing(hexOf(sent.context)),
  };
}

export function lineOfStatus(
  status: RaftStatus,
  last: { readonly index: LogIndex; readonly term: Term | undefined },
): object {
  return {
    role: status.role,
    term: orNothing<number>(status.term),
    vote: String(status.vote),
    lead: String(status.lead),
    committed: orNothing<number>(status.committed),
    applied: orNothing<number>(status.applied),
    lastIndex: orNothing<number>(last.index),
    lastTerm: orNothing<number | undefined>(last.term),
    leadTransferee: String(status.leadTransferee),
    conf: lineOfConf(status.confState),
    progress: orNothing(
      status.progress.map((progress) => ({
        id: String(progress.id),
        isLearner: orNothing(progress.isLearner),
        state: progress.state,
        match: orNothing<number>(progress.match),
        next: progress.next,
        isRecentActive: orNothing(progress.isRecentActive),
        isPaused: orNothing(progress.isPaused),
        pendingSnapshot: orNothing<number>(progress.pendingSnapshot),
        inflightCount: orNothing(progress.inflightCount),
      })),
    ),
  };
}
