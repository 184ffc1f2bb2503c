/**
 * V8 takes the size of its heap when a process begins and not later, so a member in a container replaces itself once, at its very start,
 * by itself with the limit that its memory asks for (execve: same pid, no second process).
 */
import { totalmem } from "node:os";
import { planMemory } from "./memory-plan.ts";

const flag = "--max-old-space-size";
/** Says that the process was replaced already. */
const marker = "ETCD_TS_HEAP_LIMITED";
const mebibyte = 1024 * 1024;

/** The container's memory limit, or the machine's memory where there is none. */
export function memoryBytes(): number {
  const test = Number(process.env["ETCD_TS_TEST_MEMORY_BYTES"] ?? "");
  if (test > 0) return test;
  // Without a limit the kernel reports a number beyond everything, or nothing.
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/** Does not return when the process is replaced. A limit that the user set, by flag or NODE_OPTIONS, stands. */
export function limitHeap(): void {
  const { env, execArgv, execPath, argv } = process;
  const isSet =
    env[marker] !== undefined ||
    execArgv.some((argument) => argument.startsWith(flag)) ||
    env["NODE_OPTIONS"]?.includes(flag) === true;
  if (isSet || process.execve === undefined || memoryBytes() >= totalmem()) return;
  const limit = `${flag}=${Math.floor(planMemory(memoryBytes()).heapBytes / mebibyte)}`;
  const script = argv.slice(1);
  process.execve(execPath, [execPath, ...execArgv, limit, ...script], { ...env, [marker]: limit });
}
