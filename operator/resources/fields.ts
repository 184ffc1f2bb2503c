/** Whether an object that was read holds all that we wrote. */

/**
 * True when each field of `wanted` is in `found` with the same value. Fields that only `found` has are those of the API server, of its controllers or of
 * people, and no difference. Lists of ports are matched by port and protocol, others item by item.
 */
export function hasFields(found: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(found) &&
      wanted.every((item, at) => hasFields(counterpartOf(item, at, found), item))
    );
  }
  if (typeof wanted !== "object" || wanted === null) return found === wanted;
  if (typeof found !== "object" || found === null) return false;
  const fields = found as Readonly<Record<string, unknown>>;
  return Object.entries(wanted).every(([key, value]) => hasFields(fields[key], value));
}

function counterpartOf(item: unknown, at: number, found: readonly unknown[]): unknown {
  const key = keyOf(item);
  return key === undefined ? found[at] : found.find((candidate) => keyOf(candidate) === key);
}

/** What the API server tells the items of this list apart by: port and protocol of a Service's port, uid of an owner. */
function keyOf(item: unknown): string | undefined {
  if (typeof item !== "object" || item === null) return undefined;
  if ("uid" in item) return String(item.uid);
  if (!("port" in item)) return undefined;
  return `${String(item.port)}/${"protocol" in item ? String(item.protocol) : "TCP"}`;
}
