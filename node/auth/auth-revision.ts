/**
 * The revision of users and roles (etcd's bucket `auth`): etcd writes it, as 1, before there are any, and Maintenance.Hash counts it like
 * everything else.
 */
import type { Backend } from "../backend/backend.ts";
import { fromText } from "../lib/bytes.ts";

const authRevisionKey = fromText("authRevision");

/** Of what is applied; 0 where there is none yet. */
export function authRevision(backend: Pick<Backend, "get">): number {
  const bytes = backend.get("auth", authRevisionKey);
  return bytes === undefined ? 0 : Number(Buffer.from(bytes).readBigUInt64BE());
}

/** To be called when a member starts, before anything is applied: a backend that never had the revision gets the first one. */
export function ensureAuthRevision(backend: Pick<Backend, "get" | "put">): void {
  if (backend.get("auth", authRevisionKey) !== undefined) return;
  const first = new Uint8Array(8);
  first[7] = 1;
  backend.put("auth", authRevisionKey, first);
}
