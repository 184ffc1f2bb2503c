/** Raft's values as lines of text: only what is not zero, entries and positions as term/index. */
import { toText } from "../../../node/lib/bytes.ts";
import {
  asConfChangeV2,
  confChangeTransition,
  decodeConfChange,
  decodeConfChangeV2,
} from "../../../node/proto/conf-change-codec.ts";
import type { Message } from "../../../node/raft/messages.ts";
import type { Ready } from "../../../node/raft/ready.ts";
import type { ProgressStatus } from "../../../node/raft/status.ts";
import { type Entry, entryType, type HardState } from "../../../node/raft/types.ts";
import { formatChange, formatConfig } from "../conf-change-text.ts";
import { textOf } from "./lab-node.ts";

const transitionNames = new Map<number, string>([
  [confChangeTransition.auto, "auto"],
  [confChangeTransition.jointImplicit, "implicit"],
  [confChangeTransition.jointExplicit, "explicit"],
]);

/** `1/3 "x"`, `1/4 v1(r3)`, `1/5 v2(auto l4 v5)`, `1/6 v2(leave)`. */
export function formatEntry(entry: Entry): string {
  return `${entry.term}/${entry.index} ${formatData(entry)}`;
}

function formatData(entry: Entry): string {
  if (entry.type === entryType.normal) return `"${textOf(entry)}"`;
  if (entry.type === entryType.confChange) {
    return `v1(${asConfChangeV2(decodeConfChange(entry.data)).changes.map(formatChange).join(" ")})`;
  }
  const { transition, changes } = decodeConfChangeV2(entry.data);
  if (transition === confChangeTransition.auto && changes.length === 0) return "v2(leave)";
  return `v2(${[transitionNames.get(transition), ...changes.map(formatChange)].join(" ")})`;
}

const entryList = (entries: readonly Entry[]): string => entries.map(formatEntry).join(", ");

/** `MsgApp 1->2 term=1 log=1/2 commit=2 [1/3 "x"]`. */
export function formatMessage(message: Message): string {
  const { type, from, to, term, logTerm, index, commit, reject, rejectHint, entries } = message;
  const isForwarded = type === "MsgProp" || type === "MsgReadIndex" || type === "MsgReadIndexResp";
  return [
    `${type} ${from}->${to}`,
    ...(term > 0 ? [`term=${term}`] : []),
    ...(logTerm > 0 && !reject ? [`log=${logTerm}/${index}`] : index > 0 ? [`index=${index}`] : []),
    ...(reject ? ["reject"] : []),
    ...(reject && type === "MsgAppResp" ? [`hint=${logTerm}/${rejectHint}`] : []),
    ...(commit > 0 ? [`commit=${commit}`] : []),
    ...(message.context.length > 0 ? [`context=${formatContext(message.context)}`] : []),
    ...(message.snapshot === undefined ? [] : [formatSnapshot(message.snapshot)]),
    ...(entries.length === 0
      ? []
      : [`[${isForwarded ? entries.map(formatData).join(", ") : entryList(entries)}]`]),
  ].join(" ");
}

/** The counter of a heartbeat is eight bytes; a reason to campaign is text. */
function formatContext(context: Uint8Array): string {
  if (context.length !== 8) return toText(context);
  const view = new DataView(context.buffer, context.byteOffset, context.byteLength);
  return String(view.getBigUint64(0, true));
}

function formatSnapshot(snapshot: NonNullable<Message["snapshot"]>): string {
  const { metadata, data } = snapshot;
  const { term, index, confState } = metadata;
  return `snapshot=${term}/${index} ${formatConfig(confState)} "${toText(data)}"`;
}

const formatHardState = ({ term, vote, commit }: HardState): string =>
  `term=${term}${vote > 0n ? ` vote=${vote}` : ""} commit=${commit}`;

/** A line for each thing that is to be done. */
export function formatReady(ready: Ready): string[] {
  const { hardState, entries, snapshot, committedEntries, readStates, mustSync } = ready;
  return [
    ...(hardState === undefined ? [] : [`hard state ${formatHardState(hardState)}`]),
    ...(snapshot === undefined ? [] : [formatSnapshot(snapshot)]),
    ...(entries.length === 0 ? [] : [`append ${entryList(entries)}`]),
    ...(committedEntries.length === 0 ? [] : [`apply ${entryList(committedEntries)}`]),
    ...readStates.map(({ context, index }) => `read "${toText(context)}" at ${index}`),
    ...ready.messages.map((message) => `send ${formatMessage(message)}`),
    ...ready.messagesAfterAppend.map(
      (message) => `${mustSync ? "once durable" : "send"} ${formatMessage(message)}`,
    ),
  ];
}

/** `2: replicate match=3 next=5 inflight=1 paused learner inactive`. */
export function formatProgress(progress: ProgressStatus): string {
  const { id, state, match, next, pendingSnapshot, inflightCount } = progress;
  return [
    `${id}: ${state} match=${match} next=${next}`,
    ...(pendingSnapshot > 0 ? [`snapshot=${pendingSnapshot}`] : []),
    ...(inflightCount > 0 ? [`inflight=${inflightCount}`] : []),
    ...(progress.isPaused ? ["paused"] : []),
    ...(progress.isLearner ? ["learner"] : []),
    ...(progress.isRecentActive ? [] : ["inactive"]),
  ].join(" ");
}
