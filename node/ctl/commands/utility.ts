/** version, options, and the commands of etcdctl that are not served yet. */
import { serverVersion } from "../../lib/etcd-version.ts";
import type { Command } from "../command.ts";
import { optionsText } from "../help.ts";

export const version: Command = {
  name: "version",
  group: "Utility",
  summary: "Prints the version of etcdctl that this program follows",
  run({ io }) {
    const api = serverVersion.replace(/\.[0-9]+$/, "");
    io.out(`etcdctl version: ${serverVersion}\nAPI version: ${api}\n`);
  },
};

export const options: Command = {
  name: "options",
  group: "Utility",
  summary: "Lists the flags that every command takes",
  run: ({ io }) => io.out(optionsText()),
};

export const unserved: readonly Command[] = [
  "auth",
  "check",
  "completion",
  "downgrade",
  "make-mirror",
  "role",
  "snapshot",
  "user",
].map((name) => ({ name, summary: "", group: "Not served yet" }));
