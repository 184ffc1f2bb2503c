/**
 * Exclusive locks on whole files. They belong to the open file, not to the process (F_OFD_SETLK, as in etcd's
 * client/pkg/fileutil/lock_linux.go), so closing another descriptor of the same file does not lose them.
 */
import { close, constants, open } from "node:fs";
import { promisify } from "node:util";
import { tryLock } from "fs-native-extensions";
import type { FileLock } from "../ports.ts";

// Plain descriptors: a FileHandle that nobody refers to is closed by the garbage collector, and its lock with it.
const openDescriptor = promisify(open);
const closeDescriptor = promisify(close);

/** Undefined when the lock is taken. Rejects when there is no such file, or its file system knows no locks. */
export async function tryLockFile(path: string): Promise<FileLock | undefined> {
  const descriptor = await openDescriptor(path, constants.O_RDWR);
  try {
    if (tryLock(descriptor)) return { release: () => closeDescriptor(descriptor) };
  } catch (error) {
    await closeDescriptor(descriptor);
    throw new Error(`cannot lock ${path}`, { cause: error });
  }
  await closeDescriptor(descriptor);
  return undefined;
}
