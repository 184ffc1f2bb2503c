/** The part of the package that is used here; it brings no types of its own. */
declare module "fs-native-extensions" {
  /** F_OFD_SETLK on Linux. False when the lock is taken; `length` 0 reaches to the end of the file, however it grows. */
  export function tryLock(descriptor: number, offset?: number, length?: number): boolean;
}
