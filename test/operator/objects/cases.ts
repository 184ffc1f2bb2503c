/**
 * Objects that the API server must accept or refuse: YAML files beside this one, one case per document. A case is a name and a spec, and
 * then if need be the spec that an update brings (`update`), or the statuses written one after the other (`status`, `updateStatus`). Where
 * `refused` is given, the last of these writes is refused, and the message holds that text.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";

type Fields = Readonly<Record<string, unknown>>;

export interface ObjectCase {
  readonly case: string;
  readonly kind: "EtcdCluster" | "EtcdMember";
  readonly name: string;
  readonly spec?: Fields;
  readonly update?: Fields;
  readonly status?: Fields;
  readonly updateStatus?: Fields;
  readonly refused?: string;
}

const known = ["case", "kind", "name", "spec", "update", "status", "updateStatus", "refused"];

/** Throws for a file that is no YAML, and for a case with a key that means nothing. */
export function objectCases(
  file: "accepted" | "refused" | "not-served" | "design-refused",
): readonly ObjectCase[] {
  const text = readFileSync(join(import.meta.dirname, `${file}.yaml`), "utf8");
  return parseAllDocuments(text).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    const fields = document.toJS() as Partial<ObjectCase>;
    const stray = Object.keys(fields).filter((key) => !known.includes(key));
    if (stray.length > 0) throw new Error(`${file}.yaml: ${stray.join(", ")} mean nothing`);
    if (fields.case === undefined) throw new Error(`${file}.yaml: a case has no name`);
    return { case: fields.case, kind: "EtcdCluster", name: "demo", ...fields };
  });
}
