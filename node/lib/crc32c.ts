/** CRC-32C (Castagnoli), the sum of etcd's log, snapshots and hashes. */
import { crc32c as nativeCrc32c } from "@node-rs/crc32";

/** Continues `previous` over `bytes`: crc32c(b, crc32c(a)) is the sum of a followed by b. */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  return nativeCrc32c(bytes, previous);
}
