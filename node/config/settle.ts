/** Settings, by whatever way they came, to the values of options: old names to new ones, what is not served refused, texts parsed. */
import { parseGate } from "./feature-gates.ts";
import { becameGates, gone, ignored, renamed } from "./gone.ts";
import type { Setting, Settings } from "./known-options.ts";
import type { Notice } from "./notice.ts";
import { isOptionName, type OptionName, optionOf, options, type RawOptions } from "./options.ts";
import { isHarmless, unserved } from "./unserved.ts";

export interface Settled {
  readonly values: RawOptions;
  readonly given: ReadonlySet<OptionName>;
  readonly notices: readonly Notice[];
  /** The values mean nothing where there are any. */
  readonly problems: readonly string[];
}

/** All problems are collected, each with the flag's, variable's or key's name, so that one start tells them all. */
export function settle(settings: Settings): Settled {
  const settling = new Settling();
  for (const [name, setting] of settings) settling.take(name, setting, settings);
  return settling.settled();
}

class Settling {
  private readonly given = new Map<OptionName, Setting>();
  private readonly gates: { readonly gate: string; readonly setting: Setting }[] = [];
  private readonly notices: Notice[] = [];
  private readonly problems: string[] = [];

  take(name: string, setting: Setting, all: Settings): void {
    const newName = own(renamed, name);
    if (newName !== undefined) this.takeRenamed(newName, setting, all);
    else if (Object.hasOwn(becameGates, name)) this.takeGate(name, setting);
    else if (ignored.has(name)) {
      this.warn("flag is no longer supported - ignoring", { "flag-name": name });
    } else if (isOptionName(name)) this.given.set(name, setting);
    else this.refuse(name, setting);
  }

  settled(): Settled {
    const { given, notices, problems } = this;
    const values: Record<string, unknown> = {};
    for (const name of Object.keys(options).filter(isOptionName)) values[name] = this.valueOf(name);
    for (const name of ["max-snapshots", "v2-deprecation"] as const) {
      if (given.has(name)) this.warn(deprecated[name], {});
    }
    // Each value came out of the parse function, or the default, of its own row.
    return { values: values as RawOptions, given: new Set(given.keys()), notices, problems };
  }

  private takeRenamed(newName: string, setting: Setting, all: Settings): void {
    const other = all.get(newName);
    if (other !== undefined) {
      this.problems.push(
        `cannot set ${setting.source} and ${other.source} at the same time, please use --${newName} only`,
      );
      return;
    }
    this.warn("the name of this option has changed; the old one still works", {
      option: setting.source,
      "use-instead": newName,
    });
    this.take(newName, setting, all);
  }

  private takeGate(name: string, setting: Setting): void {
    const gate = becameGates[name] as string;
    this.warn("this option has become a feature gate; the old name still works", {
      option: setting.source,
      "use-instead": `--feature-gates=${gate}=${String(setting.value)}`,
    });
    try {
      parseGate(`${gate}=${String(setting.value)}`);
      this.gates.push({ gate, setting });
    } catch (error) {
      this.problems.push(`${setting.source}: ${messageOf(error)}`);
    }
  }

  /** Or not: an option that is not served may have the value that it has anyway. */
  private refuse(name: string, { source, value }: Setting): void {
    const hadOnce = own(gone, name);
    const refused = hadOnce ?? own(unserved, name);
    if (refused === undefined) return;
    if (!isHarmless(refused, typeof value === "string" ? value : value.join(","))) {
      const why = hadOnce === undefined ? "is not served in this version" : "is gone from etcd";
      this.problems.push(`${source} ${why}; ${refused.instead}`);
    } else if (hadOnce !== undefined) {
      this.warn("this option is gone from etcd, and asks for nothing here; leave it out", {
        option: source,
      });
    }
  }

  private valueOf(name: OptionName): unknown {
    const setting = this.given.get(name);
    if (name === "feature-gates" && this.gates.length > 0) return this.gatesOf(setting);
    return setting === undefined ? options[name].default : this.parsed(name, setting);
  }

  private gatesOf(setting: Setting | undefined): unknown {
    const text = String(setting?.value ?? "");
    for (const { gate, setting: old } of this.gates) {
      if (text.split(/[=,]/).some((part) => part.trim() === gate)) {
        this.problems.push(
          `cannot specify both flags: ${old.source} and --feature-gates=${gate} at the same time, please just use --feature-gates`,
        );
      }
    }
    const added = this.gates.map(({ gate, setting: old }) => `${gate}=${String(old.value)}`);
    return this.parsed("feature-gates", {
      source: [...(setting === undefined ? [] : [setting]), ...this.gates.map((old) => old.setting)]
        .map(({ source }) => source)
        .join(", "),
      value: [...(text === "" ? [] : [text]), ...added].join(","),
    });
  }

  private parsed(name: OptionName, { source, value }: Setting): unknown {
    const { parse, parseItems } = optionOf(name);
    try {
      if (typeof value === "string") return parse(value);
      return parseItems === undefined ? parse(value.join(",")) : parseItems(value);
    } catch (error) {
      this.problems.push(`${source}: ${messageOf(error)}`);
      return undefined;
    }
  }

  private warn(message: string, fields: Notice["fields"]): void {
    this.notices.push({ level: "warn", message, fields });
  }
}

/** etcd's words (etcdmain/config.go). */
const deprecated = {
  "max-snapshots": "--max-snapshots is deprecated in 3.6 and will be decommissioned in 3.8.",
  "v2-deprecation":
    "--v2-deprecation is deprecated and scheduled for removal in v3.8. The default value is enforced, ignoring user input.",
} as const;

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

const own = <Value>(table: Readonly<Record<string, Value>>, name: string): Value | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;
