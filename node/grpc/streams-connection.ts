/** What the rooms that deal with streams need of their server and of their connection. */
import type { FloodGuard } from "./flood-guard.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import type { OutputBuffer } from "./output-buffer.ts";
import type { PlainHandler } from "./plain-request.ts";
import type { Routes } from "./route.ts";
import type { SendFlow } from "./send-flow.ts";
import type { SlowCalls } from "./slow-calls.ts";

export interface StreamsHost {
  readonly routes: Routes;
  readonly memory: MemoryBudget;
  readonly receiveMessageBytesMax: number;
  readonly maxConcurrentStreams: number;
  /** Null: requests that are no gRPC are refused. */
  readonly plainHandler: PlainHandler | null;
  readonly slowCalls: SlowCalls;
  /** Monotonic; as of the last chunk or tick, so up to a tick old. */
  nowMs: number;
}

export interface StreamsConnection {
  readonly remoteAddress: string;
  readonly isSecure: boolean;
  readonly host: StreamsHost;
  readonly out: OutputBuffer;
  readonly flow: SendFlow;
  readonly flood: FloodGuard;
  /** Something was written, perhaps outside of a data handler: it leaves with this turn. */
  hasOutput(): void;
}
