/**
 * Markers of what is designed and not yet served. A field without effect is refused, never ignored: from a marker come the rule that refuses,
 * the sentence in the description, and a TypeScript type in which the field cannot be read. To serve it, take the marker away: nothing else.
 */
import { type TOptional, type TSchema, type TUnsafe, Type } from "typebox";

/** Under this key a schema carries its marker. */
export const markerKey = "x-etcd-ts-marker";

export type Marker =
  | { readonly kind: "not-served" }
  | {
      readonly kind: "served-only";
      readonly values: readonly (string | number | boolean)[];
      /** What to do, for whoever set another value. */
      readonly message: string;
    };

/** The field as a whole: whoever sets it is told to remove it. Its default holds from the day it is served. */
export function notServed(schema: TSchema): TOptional<TUnsafe<never>> {
  return Type.Optional(Type.Unsafe<never>(marked(schema, { kind: "not-served" })));
}

/** Only these values of the field are served. The field's own rules wait until all of them are. */
export function servedOnly<const Value extends string | number | boolean>(
  schema: TSchema,
  values: readonly Value[],
  message: string,
): TUnsafe<Value> {
  return Type.Unsafe<Value>(marked(schema, { kind: "served-only", values, message }));
}

export function markerOf(schema: TSchema): Marker | undefined {
  return (schema as { readonly [markerKey]?: Marker })[markerKey];
}

/** TypeBox keeps its own marks in properties that are not enumerable: they have to come along. */
function marked<Schema extends TSchema>(schema: Schema, marker: Marker): Schema {
  const copy = Object.create(null, Object.getOwnPropertyDescriptors(schema)) as Schema;
  return Object.assign(copy, { [markerKey]: marker });
}
