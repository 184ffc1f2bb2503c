/**
 * Remembers decoded header blocks of a connection by their bytes. A block's meaning hangs on the dynamic table, so only
 * blocks that left the table alone are kept, and all are forgotten when the table moves. A client that sends a new
 * grpc-timeout per call moves it with each call; it then costs one comparison here.
 */
import { headMemoBlockBytesMax, headMemoSlots } from "./limits.ts";
import type { RequestHead } from "./request-head.ts";

interface Slot {
  readonly block: Uint8Array;
  readonly head: RequestHead;
}

export class HeadMemo {
  private readonly slots: (Slot | undefined)[] = new Array<Slot | undefined>(headMemoSlots).fill(
    undefined,
  );
  /** The slot that `find` found last. */
  private last: Slot | undefined = undefined;
  /** Table version that all slots belong to. */
  private version = -1;

  find(block: Uint8Array, start: number, end: number, version: number): RequestHead | undefined {
    if (version !== this.version) return undefined;
    // Most often the client calls the method that it called before.
    if (this.last !== undefined && isEqual(this.last.block, block, start, end))
      return this.last.head;
    const slot = this.slots[slotOf(block, start, end)];
    if (slot === undefined || !isEqual(slot.block, block, start, end)) return undefined;
    this.last = slot;
    return slot.head;
  }

  keep(block: Uint8Array, start: number, end: number, version: number, head: RequestHead): void {
    if (end - start > headMemoBlockBytesMax) return;
    if (version !== this.version) {
      this.slots.fill(undefined);
      this.last = undefined;
      this.version = version;
    }
    this.slots[slotOf(block, start, end)] = {
      block: Uint8Array.prototype.slice.call(block, start, end),
      head,
    };
  }
}

function isEqual(known: Uint8Array, block: Uint8Array, start: number, end: number): boolean {
  const { length } = known;
  if (length !== end - start) return false;
  for (let at = 0; at < length; at++) {
    if (known[at] !== block[start + at]) return false;
  }
  return true;
}

/** Blocks of one client differ in few bytes, the method's path among them. */
function slotOf(block: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (block[at] as number)) | 0;
  return (hash ^ (hash >>> 8)) & (headMemoSlots - 1);
}
