/** A reference from one object to another, as Events hold it (core/v1 ObjectReference). */
import type { KubernetesObject } from "./resource.ts";

/** The object need not exist: one that is about to be made, or that is gone. `uid` where it is known. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
}

/** Lists leave apiVersion and kind out: they are "" then. */
export function referenceTo(object: KubernetesObject): ObjectReference {
  const { apiVersion = "", kind = "" } = object;
  const { name, namespace, uid } = object.metadata;
  return {
    apiVersion,
    kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
  };
}

/** Equal for all that have had this name: the uid is no part of it. */
export function nameKeyOf({ apiVersion, kind, namespace, name }: ObjectReference): string {
  return JSON.stringify([apiVersion, kind, namespace ?? "", name]);
}
