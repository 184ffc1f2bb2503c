/** What our .proto files say, in the lines that test/peers/proto/schema.go writes of Go's packages. */
import { globSync } from "node:fs";
import { join } from "node:path";

import protobuf from "protobufjs";

/** Field numbers, types, presence, enum values and methods of all packages, sorted. */
export function ourSchema(): string[] {
  const lines: string[] = [];
  const visit = (namespace: protobuf.NamespaceBase): void => {
    for (const item of namespace.nestedArray) {
      if (item instanceof protobuf.Type) lines.push(`message ${nameOf(item)}`, ...fieldLines(item));
      if (item instanceof protobuf.Enum) lines.push(...valueLines(item));
      if (item instanceof protobuf.Service) lines.push(...methodLines(item));
      if (item instanceof protobuf.Namespace) visit(item);
    }
  };
  visit(loadWithNamesAsWritten());
  return lines.sort();
}

function loadWithNamesAsWritten(): protobuf.Root {
  const protoDir = join(import.meta.dirname, "../../../node/proto");
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => join(protoDir, target);
  root.loadSync(globSync("*.proto", { cwd: protoDir }), { keepCase: true });
  root.resolveAll();
  return root;
}

const nameOf = (item: protobuf.ReflectionObject | null): string => item?.fullName.slice(1) ?? "";

function fieldLines(type: protobuf.Type): string[] {
  return type.fieldsArray.map(
    (field) => `field ${nameOf(type)}.${field.name} = ${field.id} ${typeOf(field)}`,
  );
}

function typeOf(field: protobuf.Field): string {
  const { resolvedType } = field;
  const name = resolvedType === null ? field.type : nameOf(resolvedType);
  if (field instanceof protobuf.MapField) return `map ${field.keyType} ${name}`;
  if (field.repeated) return `${isPacked(field) ? "packed" : "repeated"} ${name}`;
  if (field.partOf !== null) return `oneof ${field.partOf.name} ${name}`;
  const isExplicit = field.hasPresence && !(resolvedType instanceof protobuf.Type);
  return isExplicit ? `explicit ${name}` : name;
}

const isPacked = (field: protobuf.Field): boolean =>
  field.packed &&
  (field.resolvedType instanceof protobuf.Enum || field.type in protobuf.types.packed);

function valueLines(type: protobuf.Enum): string[] {
  return Object.entries(type.values).map(
    ([name, value]) => `value ${nameOf(type)} ${name} = ${value}`,
  );
}

function methodLines(service: protobuf.Service): string[] {
  return service.methodsArray.map((method) => {
    const request = (method.requestStream ? "stream " : "") + nameOf(method.resolvedRequestType);
    const response = (method.responseStream ? "stream " : "") + nameOf(method.resolvedResponseType);
    return `method /${nameOf(service)}/${method.name} ${request} ${response}`;
  });
}
