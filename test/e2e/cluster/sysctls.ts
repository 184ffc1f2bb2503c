/**
 * Kernel settings that a kubelet changes for the whole machine when it starts. They are noted before, and given back when
 * the cluster goes down.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { inState, stateDir } from "./layout.ts";

const names = [
  "vm/overcommit_memory",
  "vm/panic_on_oom",
  "kernel/panic",
  "kernel/panic_on_oops",
  "kernel/keys/root_maxkeys",
  "kernel/keys/root_maxbytes",
] as const;

const file = inState("sysctls.json");

/** Notes the settings unless they were noted already. Call before the first kubelet starts. */
export function noteSettings(): void {
  if (existsSync(file)) return;
  mkdirSync(stateDir, { recursive: true });
  const settings = names
    .map((name) => [name, `/proc/sys/${name}`] as const)
    .filter(([, path]) => existsSync(path))
    .map(([name, path]) => [name, readFileSync(path, "utf8").trim()] as const);
  writeFileSync(file, JSON.stringify(Object.fromEntries(settings), null, 2));
}

/** Gives the machine its settings back. */
export function restoreSettings(): void {
  if (!existsSync(file)) return;
  const settings = JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
  for (const [name, value] of Object.entries(settings)) writeFileSync(`/proc/sys/${name}`, value);
}
