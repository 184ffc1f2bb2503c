/**
 * Random operations around leases: the Lease service with every mistake, and writes of keys that are attached, moved and detached. A lease that
 * the servers number themselves is known by a label; what stands for it on each side is put in when the request is sent.
 */
import type { SeededRandom } from "../support/seeded-random.ts";
import { bytes, extremes, type Message } from "./operations.ts";

export type LeaseMethod =
  | "LeaseGrant"
  | "LeaseRevoke"
  | "LeaseTimeToLive"
  | "LeaseLeases"
  | "LeaseKeepAlive"
  | "Put"
  | "DeleteRange"
  | "Txn"
  | "Range";

export interface LeaseOperation {
  readonly method: LeaseMethod;
  /** Ids of leases are labels: numbers as text that a client chooses, or "#3" for the third that the servers choose. */
  readonly request: Message;
  /** For a grant without an id: the label that the answer's id gets. */
  readonly label?: string;
}

/** A time to live below the servers' least is raised to it: such a lease is revoked before it can end by itself. */
const shortAgeMax = 20;
const keys = Array.from({ length: 12 }, (_, index) => bytes(`l/${index}`));

export class LeaseOperationSource {
  private readonly random: SeededRandom;
  private readonly labels: string[] = ["7", "-7"];
  private readonly short: { readonly label: string; readonly at: number }[] = [];
  private granted = 0;
  private done = 0;

  constructor(random: SeededRandom) {
    this.random = random;
  }

  next(): LeaseOperation {
    const { random, short } = this;
    this.done += 1;
    const [oldest] = short;
    if (oldest !== undefined && this.done - oldest.at > shortAgeMax) {
      short.shift();
      return { method: "LeaseRevoke", request: { ID: oldest.label } };
    }
    const share = random.below(1000);
    if (share < 150) return this.grant();
    if (share < 240) return { method: "LeaseRevoke", request: { ID: this.lease() } };
    if (share < 360) {
      const request: Record<string, unknown> = { ID: this.lease() };
      if (random.chance(0.7)) request["keys"] = true;
      return { method: "LeaseTimeToLive", request };
    }
    if (share < 400) return { method: "LeaseLeases", request: {} };
    if (share < 520) return { method: "LeaseKeepAlive", request: { ID: this.lease() } };
    if (share < 720) return { method: "Put", request: this.put() };
    if (share < 780) return { method: "DeleteRange", request: this.range() };
    if (share < 920) return { method: "Txn", request: this.txn() };
    return { method: "Range", request: this.range() };
  }

  private grant(): LeaseOperation {
    const { random } = this;
    const share = random.below(100);
    const isShort = share < 25;
    let ttl = String(3600 + random.below(100_000));
    if (isShort) ttl = random.pick(["0", "1", "-1", "-9223372036854775808", "5"]);
    else if (share < 32)
      ttl = random.pick(["9000000000", "9000000001", "9223372036854775807", "9007199254740993"]);
    if (random.chance(0.4)) {
      this.granted += 1;
      const label = `#${this.granted}`;
      this.learn(label, isShort);
      return { method: "LeaseGrant", request: { TTL: ttl }, label };
    }
    const id = random.chance(0.1) ? random.pick(extremes) : String(1 + random.below(40));
    this.learn(id, isShort);
    return { method: "LeaseGrant", request: { TTL: ttl, ID: id } };
  }

  private learn(label: string, isShort: boolean): void {
    this.labels.push(label);
    if (this.labels.length > 30) this.labels.shift();
    if (isShort) this.short.push({ label, at: this.done });
  }

  private lease(): string {
    const { random } = this;
    if (random.chance(0.03)) return "0";
    if (random.chance(0.03)) return random.pick(extremes);
    return random.pick(this.labels);
  }

  private put(): Message {
    const { random } = this;
    const request: Record<string, unknown> = {
      key: random.pick(keys),
      value: bytes(String(random.below(5))),
    };
    if (random.chance(0.7)) request["lease"] = this.lease();
    if (random.chance(0.1)) {
      request["ignore_lease"] = true;
      if (random.chance(0.8)) delete request["lease"];
    }
    if (random.chance(0.05)) {
      request["ignore_value"] = true;
      if (random.chance(0.8)) delete request["value"];
    }
    if (random.chance(0.3)) request["prev_kv"] = true;
    return request;
  }

  private range(): Message {
    const { random } = this;
    const request = random.chance(0.8)
      ? { key: random.pick(keys) }
      : { key: bytes("l/"), range_end: bytes("l0") };
    return random.chance(0.3) ? { ...request, prev_kv: true } : request;
  }

  private txn(): Message {
    const { random } = this;
    const ops = (): Message[] =>
      Array.from({ length: random.below(4) }, () => {
        const share = random.below(10);
        if (share < 7) return { request_put: this.put() };
        return share < 8 ? { request_delete_range: this.range() } : { request_range: this.asked() };
      });
    const compare = Array.from({ length: random.below(2) }, () => ({
      target: 4,
      result: random.below(4),
      key: random.pick(keys),
      lease: this.lease(),
    }));
    return { compare, success: ops(), failure: ops() };
  }

  private asked(): Message {
    return { ...this.range(), prev_kv: undefined };
  }
}
