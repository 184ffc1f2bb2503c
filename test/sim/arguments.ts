/** Numbers and names on the command lines of the simulator. */
import { type FaultKind, faultKinds } from "./plan.ts";

/** A whole number from `min` up to `max`; undefined when the flag was not given. Throws an Error that names the flag. */
export function wholeNumber(
  text: string | undefined,
  flag: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER } = {},
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= min && value <= max)
    return value;
  throw new Error(`--${flag}: expected a whole number from ${min} to ${max}, got "${text}"`);
}

/** Names separated by commas; undefined when the flag was not given. */
export function faultsOf(text: string | undefined): readonly FaultKind[] | undefined {
  if (text === undefined) return undefined;
  const names = text.split(",").filter((name) => name !== "");
  return names.map((name) => {
    const kind = faultKinds.find((one) => one === name);
    if (kind === undefined) throw new Error(`--faults: no fault is called "${name}"`);
    return kind;
  });
}
