/** Reading of objects whose shape nobody has promised: what is missing or of another type is absent. */

type Fields = Readonly<Record<string, unknown>>;

export function fieldsAt(value: unknown, key: string): Fields {
  const field = isFields(value) ? value[key] : undefined;
  return isFields(field) ? field : {};
}

export function textAt(value: unknown, key: string): string | undefined {
  const field = isFields(value) ? value[key] : undefined;
  return typeof field === "string" && field !== "" ? field : undefined;
}

export function numberAt(value: unknown, key: string): number | undefined {
  const field = isFields(value) ? value[key] : undefined;
  return typeof field === "number" ? field : undefined;
}

export function listAt(value: unknown, key: string): readonly Fields[] {
  const field = isFields(value) ? value[key] : undefined;
  return Array.isArray(field) ? field.filter(isFields) : [];
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
