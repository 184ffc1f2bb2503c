/** Help for people, from the same tables that the command line is read with. */
import type { Command, Flag } from "./command.ts";
import { standardOf } from "./flag-values.ts";
import { globalFlags } from "./global-flags.ts";

const kindNames = {
  switch: "",
  integer: " int",
  text: " string",
  list: " strings",
  duration: " duration",
} as const;

const optionsHint = '"etcdctl-ts options" lists the flags that every command takes.\n';

/** `path`: the words that lead to the command. */
export function helpText(command: Command, path: readonly string[]): string {
  const name = ["etcdctl-ts", ...path].join(" ");
  const { commands = [], details, flags = [], summary, usage } = command;
  const what = commands.length > 0 ? "<command>" : (usage ?? "");
  const sections = [
    `${details ?? `${summary}.`}\n`,
    `Usage:\n  ${[name, flags.length > 0 ? "[flags]" : "", what].filter(Boolean).join(" ")}\n`,
    commands.length > 0 ? commandLists(commands) : "",
    flags.length > 0 ? `Flags:\n${flagLines(flags)}` : "",
    `${commands.length > 0 ? `"${name} <command> --help" says more about a command.\n` : ""}${optionsHint}`,
  ];
  return sections.filter(Boolean).join("\n");
}

export function optionsText(): string {
  const served = globalFlags.filter(({ unserved }) => unserved === undefined);
  const others = globalFlags.filter(({ unserved }) => unserved !== undefined);
  const names = others.map(({ name }) => `--${name}`);
  return [
    `Flags that every command takes:\n${flagLines(served)}`,
    "Each may stand in the environment as well, such as ETCDCTL_ENDPOINTS for --endpoints.\n",
    `Of etcdctl, and not served yet:\n${columns(names)}`,
  ].join("\n");
}

function commandLists(commands: readonly Command[]): string {
  const groups = [...new Set(commands.map(({ group }) => group))];
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lists = groups.map((group) => {
    const ofGroup = commands.filter((command) => command.group === group);
    if (group === "Not served yet") return `${group}:\n${columns(ofGroup.map(({ name }) => name))}`;
    const lines = ofGroup.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}\n`);
    return `${group === undefined ? "Commands" : `${group} commands`}:\n${lines.join("")}`;
  });
  return lists.join("\n");
}

function columns(names: readonly string[]): string {
  let line = " ";
  let text = "";
  for (const name of names) {
    if (line.length + name.length > 78) {
      text += `${line}\n`;
      line = " ";
    }
    line += ` ${name}`;
  }
  return `${text}${line}\n`;
}

function flagLines(flags: readonly Flag[]): string {
  const rows = flags.map((flag) => {
    const short = flag.short === undefined ? "    " : `-${flag.short}, `;
    const standard = standardOf(flag);
    const isPlain = ["", "0", "0s", "false"].includes(standard);
    return {
      left: `  ${short}--${flag.name}${kindNames[flag.kind]}`,
      right: `${flag.help}${isPlain ? "" : ` (default ${standard})`}`,
    };
  });
  const width = Math.max(...rows.map(({ left }) => left.length));
  return rows.map(({ left, right }) => `${left.padEnd(width)}  ${right}\n`).join("");
}
