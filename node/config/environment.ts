/** Environment variables to settings: ETCD_ and the option's name in capitals (pkg/flags, SetFlagsFromEnv). */
import { knownNames, type Settings } from "./known-options.ts";
import type { Notice } from "./notice.ts";
import { environmentName } from "./options.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface FromEnvironment {
  readonly settings: Settings;
  readonly problems: readonly string[];
  readonly notices: readonly Notice[];
}

/** An empty variable is none. `flags`: what the command line says, which a variable must not say too. */
export function readEnvironment(environment: Environment, flags: Settings): FromEnvironment {
  const settings: Settings = new Map();
  const problems: string[] = [];
  const known = new Set<string>();
  for (const name of knownNames) {
    const variable = environmentName(name);
    known.add(variable);
    const value = environment[variable] ?? "";
    if (value === "") continue;
    if (flags.has(name)) {
      problems.push(
        // The parenthesis is etcd's.
        `${variable}: conflicting environment variable is shadowed by corresponding command-line flag (either unset environment variable or disable flag)), which is --${name}`,
      );
    } else {
      settings.set(name, { source: variable, value });
    }
  }
  const notices = Object.keys(environment).flatMap((variable) => noticesOf(variable, known));
  return { settings, problems, notices };
}

/** Kubernetes sets such variables for a Service called "etcd"; their values can be secrets. */
function noticesOf(variable: string, known: ReadonlySet<string>): readonly Notice[] {
  if (!variable.startsWith("ETCD_") || variable.startsWith("ETCD_TS_") || known.has(variable)) {
    return [];
  }
  return variable === "ETCD_VERSION"
    ? [
        {
          level: "warn",
          message: "cannot set special environment variable",
          fields: { key: variable },
        },
      ]
    : [
        {
          level: "warn",
          message: "unrecognized environment variable",
          fields: { "environment-variable": variable },
        },
      ];
}
