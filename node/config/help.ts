/** What --help and --version print. */
import { serverVersion } from "../lib/etcd-version.ts";
import type { Option } from "./options/option.ts";
import { optionGroups } from "./options.ts";

const column = 46;

const usage = `Usage:

  etcd-ts [flags]
    Run one etcd member. Each flag can also be set by an environment variable: ETCD_ and the flag's name in capitals, with _ for -.

  etcd-ts --config-file FILE
    Run it with what the file says; all other flags and variables are ignored. Its keys are the flags' names, those of TLS in
    client-transport-security and peer-transport-security. Durations are whole nanoseconds (600000000000 for 10m) there.

  etcd-ts --version
    Print the version and exit.

  etcd-ts -h | --help
    Print this text and exit.
`;

export function helpText(): string {
  const groups = Object.entries(optionGroups).map(([title, group]) => {
    const rows = Object.entries(group).map(([name, option]) => row(name, option));
    return [`${title}:`, ...rows, ""].join("\n");
  });
  return [usage, ...groups].join("\n");
}

function row(name: string, option: Option<unknown>): string {
  const { placeholder, help, defaultText, default: fallback, kind } = option;
  const flag = kind === "boolean" ? `--${name}[=${placeholder}]` : `--${name} ${placeholder}`;
  const shown = defaultText ?? (Array.isArray(fallback) ? fallback.join(",") : String(fallback));
  return `  ${flag.padEnd(column)} ${help}${shown === "" ? "" : ` (default ${shown})`}`;
}

interface Runtime {
  /** Of Node.js: "v24.1.0", "linux", "x64". */
  readonly version: string;
  readonly platform: string;
  readonly arch: string;
}

const goPlatforms: Readonly<Record<string, string>> = { win32: "windows", sunos: "solaris" };
const goArchitectures: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  ppc64: "ppc64le",
};

/** The four lines by which tools know etcd, with its version first, and nothing in them that is not so. */
export function versionText({ version, platform, arch }: Runtime): string {
  return [
    `etcd Version: ${serverVersion}`,
    "Git SHA: Not provided (etcd-ts)",
    `Go Version: none (Node.js ${version})`,
    `Go OS/Arch: ${goPlatforms[platform] ?? platform}/${goArchitectures[arch] ?? arch}`,
    "",
  ].join("\n");
}
