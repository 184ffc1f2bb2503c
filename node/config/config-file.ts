/**
 * The configuration file to settings. As etcd reads it (embed/config.go, configFromFile, over sigs.k8s.io/yaml): YAML 1.1, keys in any case, numbers
 * and booleans taken for text, nothing else converted, a key without a value left alone. What etcd passes over without a word is told: an unknown
 * key by a warning, an option at a place where it does nothing, or one key twice, by a problem.
 */
import {
  isMap,
  isScalar,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { emptyIsDefault, misplaced, optionAt, sections } from "./file-keys.ts";
import { kindOf, type Settings } from "./known-options.ts";
import type { Notice } from "./notice.ts";
import type { OptionKind } from "./options/option.ts";

export interface FromFile {
  readonly settings: Settings;
  readonly notices: readonly Notice[];
  /** Each with the file, the line and the key. */
  readonly problems: readonly string[];
}

export function readConfigFile(path: string, text: string): FromFile {
  const reading = new Reading(path, text);
  reading.read();
  return reading;
}

const timestamp = "tag:yaml.org,2002:timestamp";

class Reading implements FromFile {
  readonly settings: Settings = new Map();
  readonly notices: Notice[] = [];
  readonly problems: string[] = [];
  private readonly path: string;
  private readonly lines = new LineCounter();
  private readonly document;

  constructor(path: string, text: string) {
    this.path = path;
    this.document = parseDocument(text, {
      version: "1.1",
      lineCounter: this.lines,
      prettyErrors: false,
      uniqueKeys: (one, other) =>
        isScalar(one) && isScalar(other) && keyText(one.value) === keyText(other.value),
      // Dates are texts.
      customTags: (tags) => tags.filter((tag) => typeof tag === "string" || tag.tag !== timestamp),
    });
  }

  read(): void {
    const { errors, contents } = this.document;
    for (const { pos, message } of errors) this.problems.push(`${this.at(pos[0])}: ${message}`);
    if (errors.length > 0 || contents === null) return;
    if (isScalar(contents) && contents.value === null) return;
    if (isMap(contents)) this.readMap(contents, "");
    else this.problems.push(`${this.path}: expected a map of options`);
  }

  private readMap(map: YAMLMap, section: string): void {
    for (const pair of map.items as Pair<Node, Node | null>[]) {
      const key = keyText(pair.key.toJS(this.document));
      const place = section === "" ? key : `${section}.${key}`;
      const where = `${this.at(pair.key.range?.[0] ?? 0)}: ${place}`;
      const value: unknown = pair.value?.toJS(this.document) ?? null;
      // As for Go, a key without a value says nothing.
      if (value === null) continue;
      if (!sections.has(place)) this.readOption(place, where, value);
      else if (isMap(pair.value)) this.readMap(pair.value, place);
      else this.problems.push(`${where}: expected a map`);
    }
  }

  private readOption(place: string, where: string, value: unknown): void {
    const rightPlace = misplaced.get(place);
    const name = optionAt.get(place);
    if (rightPlace !== undefined) {
      this.problems.push(`${where}: does nothing here; in the file it is ${rightPlace}`);
      return;
    }
    if (place === "client-transport-security.skip-client-san-verification") {
      if (value !== false) this.problems.push(`${where}: is not served; it is about members only`);
      return;
    }
    const kind = name === undefined ? undefined : kindOf(name);
    if (name === undefined || kind === undefined) {
      const fields = { key: place, position: where.slice(0, -place.length - 2) };
      this.notices.push({
        level: "warn",
        message: "unknown key in the configuration file",
        fields,
      });
      return;
    }
    if (emptyIsDefault.has(name) && (value === "" || value === 0)) return;
    const converted = conversions[kind](value);
    if (converted === undefined) this.problems.push(`${where}: ${expected[kind]}`);
    else this.settings.set(name, { source: where, value: converted });
  }

  private at(offset: number): string {
    return `${this.path}:${this.lines.linePos(offset).line}`;
  }
}

/** Go's JSON finds a field by its name in any case. */
const keyText = (key: unknown): string => String(key).toLowerCase();

type Convert = (value: unknown) => string | readonly string[] | undefined;

const scalarText = (value: unknown): string | undefined =>
  ["string", "number", "bigint", "boolean"].includes(typeof value) ? String(value) : undefined;

const wholeNumber = (value: unknown): string | undefined =>
  Number.isSafeInteger(value) ? String(value) : undefined;

/** Undefined: a value of the wrong type. */
const conversions: Readonly<Record<OptionKind, Convert>> = {
  text: scalarText,
  integer: wholeNumber,
  duration: (value) => {
    const ns = wholeNumber(value);
    return ns === undefined ? undefined : `${ns}ns`;
  },
  boolean: (value) => (typeof value === "boolean" ? String(value) : undefined),
  list: (value) => {
    if (!Array.isArray(value)) return undefined;
    const items = value.map(scalarText);
    return items.includes(undefined) ? undefined : items.filter((item) => item !== undefined);
  },
};

const expected: Readonly<Record<OptionKind, string>> = {
  text: "expected a text",
  integer: "expected a whole number, without quotation marks",
  duration:
    "expected a duration in whole nanoseconds (600000000000 for ten minutes), as in the file of etcd",
  boolean: "expected true or false",
  list: "expected a list",
};
