/** The folders of a cluster's volumes, as the nodes have them: what a member left behind, or has before its pod starts. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { nodes } from "../cluster/layout.ts";

export interface VolumeFolder {
  /** Name of the claim that it was made for. */
  readonly claim: string;
  readonly dir: string;
}

/** Of all claims in the namespace whose volumes are there; the provisioner calls a folder `<volume>_<namespace>_<claim>`. */
export function volumeFolders(namespace: string): readonly VolumeFolder[] {
  return nodes
    .map(({ dir }) => join(dir, "var/lib/local-path"))
    .filter((dir) => existsSync(dir))
    .flatMap((dir) => readdirSync(dir).map((name) => ({ dir: join(dir, name), name })))
    .map(({ dir, name }) => ({ dir, parts: name.split("_") }))
    .filter(({ parts }) => parts[1] === namespace)
    .map(({ dir, parts }) => ({ dir, claim: parts[2] ?? "" }));
}

/** The one of a member. Throws when there is none. */
export function volumeFolderOf(namespace: string, member: string): string {
  const found = volumeFolders(namespace).find(({ claim }) => claim === `data-${member}`);
  if (found === undefined) throw new Error(`no node has a volume of ${member}`);
  return found.dir;
}
