/**
 * V8 takes the sizes of its heap when a process begins and not later, so a member replaces itself once, at its very start, by itself with
 * the limits that its memory asks for (execve: same pid, no second process, some 30 ms).
 */
import { totalmem } from "node:os";
import { planMemory, semiSpaceBytes } from "./memory-plan.ts";

const oldSpaceFlag = "--max-old-space-size";
const semiSpaceFlag = "--max-semi-space-size";
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
  if (env[marker] !== undefined || process.execve === undefined) return;
  const isSet = (flag: string): boolean =>
    execArgv.some((argument) => argument.startsWith(flag)) ||
    env["NODE_OPTIONS"]?.includes(flag) === true;
  const limits: string[] = [];
  const limit = (flag: string, bytes: number): void => {
    if (!isSet(flag)) limits.push(`${flag}=${Math.floor(bytes / mebibyte)}`);
  };
  limit(semiSpaceFlag, semiSpaceBytes);
  // Without a container's limit V8's own default is as good.
  if (memoryBytes() < totalmem()) limit(oldSpaceFlag, planMemory(memoryBytes()).heapBytes);
  if (limits.length === 0) return;
  const script = argv.slice(1);
  const environment = { ...env, [marker]: limits.join(" ") };
  process.execve(execPath, [execPath, ...execArgv, ...limits, ...script], environment);
}
