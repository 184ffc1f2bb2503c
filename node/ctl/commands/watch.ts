/** watch: what happens to a key, a range or a prefix (etcdctl ctlv3/command/watch_command.go). */
import type { Call, Command } from "../command.ts";
import { CtlError, exitCode } from "../ctl-error.ts";
import {
  type KeysOfEnvironment,
  keysOfEnvironment,
  watchedOf,
  watchFlags,
  watchWords,
} from "./watch-arguments.ts";

export const watch: Command = {
  name: "watch",
  group: "Key-value",
  summary: "Tells what happens to a key, a range or a prefix",
  usage: "[key] [range_end] [-- program argument ...]",
  details: `Prints what happens to the key, or to all keys from it up to range_end, which does not belong to them. The key and range_end may stand
in ETCDCTL_WATCH_KEY and ETCDCTL_WATCH_RANGE_END as well.
The program behind -- runs for each event; it finds ETCD_WATCH_REVISION, ETCD_WATCH_EVENT_TYPE, ETCD_WATCH_KEY and ETCD_WATCH_VALUE in its
environment, and the watch ends when it fails.

With --interactive each line of standard input is one of

  watch [flags] <key> [range_end] [-- program argument ...]
  progress`,
  flags: watchFlags,
  async run(call) {
    const inherited = keysOfEnvironment(call.io);
    if (!call.flags.isOn("interactive")) return watchOne(call, inherited);
    // Loaded here, as all that needs a connection.
    const { watchLines } = await import("./watch-lines.ts");
    return watchLines(call, inherited);
  },
};

async function watchOne(call: Call, inherited: KeysOfEnvironment): Promise<never> {
  const words = watchWords(call, inherited, false);
  // Wrong global flags are told first.
  call.settings();
  const watched = watchedOf(words, call.flags);
  const { printEvents, startWatch } = await import("./watch-events.ts");
  const started = startWatch(await call.open(), watched);
  try {
    await printEvents(call, started, watched.program);
  } finally {
    started.cancel();
  }
  throw new CtlError(exitCode.interrupted, "watch is canceled by the server");
}
