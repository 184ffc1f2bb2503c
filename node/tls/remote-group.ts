/** Which remote addresses count as one where clients share something: who has one IPv6 address has the other 2^64 of its network, too. */
import { isIPv6 } from "node:net";

/** An IPv4 address whole, also one that came to an IPv6 listener; of an IPv6 address its /64. What is no address stands for itself. */
export function remoteGroupOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [withoutZone = ""] = address.split("%");
  if (!isIPv6(withoutZone)) return address;
  const [front = "", back] = withoutZone.split("::");
  const before = groupsOf(front);
  // An IPv4 tail, as in 64:ff9b::1.2.3.4, stands for two groups.
  const after = groupsOf((back ?? "").replace(/\d+\.\d+\.\d+\.\d+$/, "0:0"));
  const zeros = new Array<string>(back === undefined ? 0 : 8 - before.length - after.length);
  const network = [...before, ...zeros.fill("0"), ...after].slice(0, 4);
  return `${network.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}

const groupsOf = (text: string): string[] => (text === "" ? [] : text.split(":"));
