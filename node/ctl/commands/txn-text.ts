/** The language of txn's lines: compares, and words with Go's quotes. */
import type { Compare } from "../../client/kv-types.ts";
import { parseInteger, quote, unquotePrefix } from "../go-text.ts";
import { rawBytes } from "../raw-text.ts";

/** Words of a request: bare, in single quotes as they stand, or in double quotes with Go's escapes. Undefined for a wrong escape. */
export function splitWords(line: string): string[] | undefined {
  const words =
    line.match(/"(?:[^"\\]|\\.)*"|'[^']*'|[^'"\t\n\f\r ][^\t\n\f\r ]*[^'"\t\n\f\r ]?/g) ?? [];
  const plain: string[] = [];
  for (const word of words) {
    if (word.startsWith("'")) plain.push(word.slice(1, -1));
    else if (word.startsWith('"')) {
      const unquoted = unquotePrefix(word);
      if (unquoted === undefined) return undefined;
      plain.push(unquoted.value);
    } else plain.push(word);
  }
  return plain;
}

const results: Readonly<Record<string, Compare["result"]>> = {
  "=": "equal",
  "!=": "notEqual",
  ">": "greater",
  "<": "less",
};

/** A line such as `mod("key") > "0"`; a string says what is wrong with it. */
export function parseCompare(line: string): Compare | string {
  const open = line.indexOf("(");
  if (open < 0) return `malformed comparison: ${line}`;
  const target = line.slice(0, open);
  const { key, operator, value } = scan(line.slice(open + 1));
  if (value === undefined) {
    const got = `${target}(${quote(key)}) ${operator} ""`;
    return `malformed comparison: ${line}; got ${got}`;
  }
  const right = targetOf(target, value);
  if (right === "unknown") return `malformed comparison: ${line} (unknown target ${target})`;
  const result = results[operator];
  if (right === "malformed") return `invalid txn compare request: ${line}`;
  if (result === undefined) return `malformed comparison: ${line} (unknown operator ${operator})`;
  return { key: rawBytes(key), result, target: right };
}

/** `"key") = "value"`, as far as it goes. */
function scan(text: string): { key: string; operator: string; value: string | undefined } {
  const start = text.trimStart();
  const key = unquotePrefix(start);
  if (key === undefined) return { key: "", operator: "", value: undefined };
  const behind = /^\)\s+(\S+)\s*(.*)$/s.exec(start.slice(key.length));
  if (behind === null) return { key: key.value, operator: "", value: undefined };
  const [, operator = "", rest = ""] = behind;
  return { key: key.value, operator, value: unquotePrefix(rest)?.value };
}

function targetOf(target: string, value: string): Compare["target"] | "unknown" | "malformed" {
  const number = (base: 10 | 16): bigint | undefined => {
    try {
      return parseInteger(value, base);
    } catch {
      return undefined;
    }
  };
  switch (target) {
    case "ver":
    case "version": {
      const version = number(10);
      return version === undefined ? "malformed" : { version };
    }
    case "c":
    case "create": {
      const createRevision = number(10);
      return createRevision === undefined ? "malformed" : { createRevision };
    }
    case "m":
    case "mod": {
      const modRevision = number(10);
      return modRevision === undefined ? "malformed" : { modRevision };
    }
    case "lease": {
      // etcdctl 3.7.1 ends with a panic here; --lease of put takes hexadecimal, so this does too.
      const lease = number(16);
      return lease === undefined ? "malformed" : { lease };
    }
    case "val":
    case "value":
      return { value: rawBytes(value) };
    default:
      return "unknown";
  }
}
