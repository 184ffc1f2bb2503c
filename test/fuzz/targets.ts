/** Every fuzz target. A new one is added here: main.ts, the short runs in `npm test` and the corpus find it by its name. */
import type { Target } from "./target.ts";
import { bboltTarget } from "./targets/bbolt.ts";
import { generatedTarget } from "./targets/generated.ts";
import { grpcMessagesTarget } from "./targets/grpc-messages.ts";
import { hpackTarget } from "./targets/hpack.ts";
import { http2Target } from "./targets/http2.ts";
import { peerFramesTarget } from "./targets/peer-frames.ts";
import { protobufTarget } from "./targets/protobuf.ts";
import { snapTarget } from "./targets/snap.ts";
import { walTarget } from "./targets/wal.ts";

export const targets: readonly Target[] = [
  http2Target,
  hpackTarget,
  grpcMessagesTarget,
  protobufTarget,
  generatedTarget,
  walTarget,
  snapTarget,
  bboltTarget,
  peerFramesTarget,
];

/** Throws for a name that no target has. */
export function targetNamed(name: string): Target {
  const found = targets.find((target) => target.name === name);
  if (found === undefined) {
    throw new Error(
      `no target is called ${name}; there are ${targets.map((target) => target.name).join(", ")}`,
    );
  }
  return found;
}
