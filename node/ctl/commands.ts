/** The tree of commands. */
import { subcommand } from "./arguments.ts";
import type { Call, Command } from "./command.ts";
import { alarm, moveLeader } from "./commands/cluster.ts";
import { compaction } from "./commands/compaction.ts";
import { defrag } from "./commands/defrag.ts";
import { elect } from "./commands/elect.ts";
import { endpoint } from "./commands/endpoint.ts";
import { get } from "./commands/get.ts";
import { del, put } from "./commands/kv.ts";
import { lease } from "./commands/lease.ts";
import { lock } from "./commands/lock.ts";
import { member } from "./commands/member.ts";
import { txn } from "./commands/txn.ts";
import { options, unserved, version } from "./commands/utility.ts";
import { watch } from "./commands/watch.ts";
import { notServed } from "./ctl-error.ts";
import { helpText } from "./help.ts";

const help: Command = {
  name: "help",
  group: "Utility",
  summary: "Says more about a command",
  usage: "[command]",
  run: printHelp,
};

export const root: Command = {
  name: "etcdctl-ts",
  summary: "The command line client of etcd-ts, with the commands and outputs of etcdctl",
  commands: [
    compaction,
    del,
    get,
    lease,
    put,
    txn,
    watch,
    elect,
    lock,
    alarm,
    defrag,
    endpoint,
    member,
    moveLeader,
    help,
    options,
    version,
    ...unserved,
  ],
};

function printHelp({ args, io }: Call): void {
  let command = root;
  const path: string[] = [];
  for (const word of args) {
    const next = subcommand(command, word);
    if (next === undefined) {
      // etcdctl's exit code is 0 here, too.
      io.err(
        `Unknown help topic [${args.map((each) => `\`${each}\``).join(" ")}]\n${helpText(root, [])}`,
      );
      return;
    }
    if (next.group === "Not served yet") throw notServed(next.name);
    command = next;
    path.push(next.name);
  }
  io.out(helpText(command, path));
}
