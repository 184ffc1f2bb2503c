/**
 * What values.yaml says about its values: it is the one source of their defaults and of their descriptions, from which
 * values.schema.json and the table of README.md take them.
 */
import { parse as parseYaml } from "yaml";

import { chartText } from "./chart-files.ts";

/** A value with the comment that stands above it. */
export interface ValueDoc {
  /** With dots, as helm's --set takes it. */
  readonly path: string;
  readonly text: string;
  readonly byDefault: unknown;
}

/** The commented values of values.yaml in their order. A comment that is followed by an empty line belongs to no value. */
export function valueDocs(): ValueDoc[] {
  const text = chartText("values.yaml");
  const defaults: unknown = parseYaml(text);
  const docs: ValueDoc[] = [];
  const parents: string[] = [];
  let comment: string[] = [];
  for (const line of text.split("\n")) {
    const [, remark] = /^ *# ?(.*)$/.exec(line) ?? [];
    if (remark !== undefined) comment.push(remark);
    const [, indent = "", key] = /^( *)([A-Za-z]+):/.exec(line) ?? [];
    if (key !== undefined) {
      parents.length = indent.length / 2;
      parents.push(key);
      const path = parents.join(".");
      if (comment.length > 0) {
        docs.push({ path, text: comment.join(" "), byDefault: valueAt(defaults, parents) });
      }
    }
    if (remark === undefined) comment = [];
  }
  return docs;
}

function valueAt(tree: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], tree);
}
