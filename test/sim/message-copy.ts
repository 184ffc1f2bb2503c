/** Messages as values, as if they had been encoded and decoded. */
import { cloneBytes } from "../../node/lib/bytes.ts";
import type { Message } from "../../node/raft/messages.ts";

/** Bytes of a message without its entries, roughly. */
const messageBytes = 40;
const entryBytes = 16;
/** How many bytes it would take on the network. */
export function bytesOf({ entries }: Message): number {
  let bytes = messageBytes;
  for (const { data } of entries) bytes += entryBytes + data.length;
  return bytes;
}

/** Deep: nothing of it is shared. */
export function copyOf(message: Message): Message {
  const { entries, context, snapshot } = message;
  return {
    ...message,
    entries:
      entries.length === 0
        ? entries
        : entries.map((entry) => ({ ...entry, data: cloneBytes(entry.data) })),
    context: context.length === 0 ? context : cloneBytes(context),
    snapshot:
      snapshot === undefined
        ? undefined
        : { metadata: snapshot.metadata, data: cloneBytes(snapshot.data) },
  };
}
