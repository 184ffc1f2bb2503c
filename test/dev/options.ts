/** What `npm run dev` is asked for. */
import { parseArgs } from "node:util";
import { membersMax } from "./members.ts";

export interface DevOptions {
  readonly members: number;
  /** Undefined for a temporary one, which goes at the end. */
  readonly dataDir: string | undefined;
  /** Further flags for every member. */
  readonly memberFlags: readonly string[];
}

export type ParsedDev =
  | { readonly kind: "ok"; readonly options: DevOptions }
  | { readonly kind: "help" }
  | { readonly kind: "problem"; readonly text: string };

export const devHelp = `Usage: npm run dev -- [options] [-- flags of every member]

Runs a cluster of members on this machine, with their logs together on this terminal, until Ctrl-C.

  --members N       how many, from 1 to ${membersMax} (default 3)
  --data-dir DIR    where their data stays, to go on with another time (default: a temporary one, removed at the end)
  --help            print this text and exit

Examples:
  npm run dev
  npm run dev -- --members 5 --data-dir data
  npm run dev -- -- --log-level=debug --snapshot-count=100
`;

export function parseDevOptions(args: readonly string[]): ParsedDev {
  const end = args.indexOf("--");
  const own = end < 0 ? args : args.slice(0, end);
  const problem = (text: string): ParsedDev => ({ kind: "problem", text });
  let values: { members?: string; "data-dir"?: string; help?: boolean };
  try {
    ({ values } = parseArgs({
      args: [...own],
      options: {
        members: { type: "string" },
        "data-dir": { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }));
  } catch (error) {
    return problem(error instanceof Error ? error.message : String(error));
  }
  if (values.help === true) return { kind: "help" };
  const text = values.members ?? "3";
  const members = /^\d+$/.test(text) ? Number(text) : 0;
  if (members < 1 || members > membersMax) {
    return problem(`--members: expected an integer from 1 to ${membersMax}, not "${text}"`);
  }
  if (values["data-dir"] === "") return problem("--data-dir: expected a directory");
  const memberFlags = end < 0 ? [] : args.slice(end + 1);
  return { kind: "ok", options: { members, dataDir: values["data-dir"], memberFlags } };
}
