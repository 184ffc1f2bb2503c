/** What holds of the handshake gate whatever its clients do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Crowd } from "../../../node/tls/crowd.ts";
import { FairLines } from "../../../node/tls/fair-lines.ts";
import { remoteGroupOf } from "../../../node/tls/remote-group.ts";
import { Client, gateWith, Turns } from "./gate-lab.ts";

const limits = {
  perTurn: 2,
  youngMax: 4,
  youngMs: 5,
  waitingMax: 8,
  waitingOfAddressMax: 5,
  underWayMax: 6,
  silentMax: 4,
};

type State = "silent" | "waiting" | "under way" | "over";

/** A client that knows where it is, as the gate should. */
class Tracked extends Client {
  state: State = "silent";
  readonly endpoint: string;

  constructor(endpoint: string, address: string) {
    super(address, () => (this.state = "under way"));
    this.endpoint = endpoint;
  }

  override evict(error: string): void {
    assert.notEqual(this.state, "over");
    super.evict(error);
    this.state = "over";
  }
}

const endpoint = fc.constantFrom("client", "peer");
const address = fc.constantFrom("10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2");
const step = fc.oneof(
  fc.record({ kind: fc.constantFrom("accept" as const, "come" as const), endpoint, address }),
  fc.record({ kind: fc.constantFrom("speak" as const, "leave" as const), pick: fc.nat() }),
  fc.record({ kind: fc.constant("turn" as const) }),
);

test("at any time the gate holds no more than its limits say, and forgets nobody and nothing", () => {
  const run = (steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[]): void => {
    const turns = new Turns();
    const gate = gateWith(turns, limits);
    const all: Tracked[] = [];
    const inState = (state: State): Tracked[] => all.filter((client) => client.state === state);
    const speak = (client: Tracked): void => {
      client.state = "waiting";
      gate.enter(client.endpoint, client);
    };
    const check = (): void => {
      const waiting = inState("waiting");
      for (const at of ["client", "peer"]) {
        const here = waiting.filter((client) => client.endpoint === at);
        assert.ok(here.length <= limits.waitingMax);
        for (const lines of Map.groupBy(here, ({ remoteIp }) => remoteGroupOf(remoteIp)).values())
          assert.ok(lines.length <= limits.waitingOfAddressMax);
      }
      assert.ok(inState("under way").length <= limits.underWayMax);
      assert.ok(inState("silent").length <= limits.silentMax);
      assert.equal(gate.size, all.length - inState("over").length);
    };
    for (const next of steps) {
      if ("address" in next) {
        const client = new Tracked(next.endpoint, next.address);
        all.push(client);
        gate.accepted(next.endpoint, client);
        if (next.kind === "come") speak(client);
      } else if (!("pick" in next)) turns.turn();
      else {
        const from = next.kind === "speak" ? inState("silent") : all;
        const client = from[next.pick % Math.max(1, from.length)];
        if (client === undefined) continue;
        if (next.kind === "leave") {
          client.state = "over";
          gate.finished(client);
        } else speak(client);
      }
      check();
    }
    // Whoever waits is begun in the end, and then nothing runs.
    for (let at = 0; at < 100 && !turns.isIdle; at++) turns.turn();
    assert.ok(turns.isIdle);
    assert.equal(inState("waiting").length, 0);
    for (const client of all) gate.finished(client);
    assert.equal(gate.size, 0);
  };
  fc.assert(fc.property(fc.array(step, { maxLength: 120 }), run), { numRuns: 300 });
});

test("whoever stands at the k-th place of its line is begun within 4 k turns for each address that waits", () => {
  const line = fc.record({ length: fc.integer({ min: 1, max: 20 }), underWay: fc.nat(3000) });
  const run = (lines: { length: number; underWay: number }[]): void => {
    const fair = new FairLines<string>(
      { waitingMax: 1e9, waitingOfAddressMax: 1e9 },
      (name) => lines[Number(name)]?.underWay ?? 0,
    );
    lines.forEach(({ length }, at) => {
      for (let k = 1; k <= length; k++)
        assert.equal(fair.enter(String(at), `${at}/${k}`), undefined);
    });
    const taken = new Map<string, number>();
    for (let turn = 1; fair.size > 0; turn++) {
      const next = fair.next();
      assert.ok(next !== undefined);
      const k = (taken.get(next.address) ?? 0) + 1;
      taken.set(next.address, k);
      assert.equal(next.item, `${next.address}/${k}`, "in its order");
      assert.ok(turn <= 4 * k * lines.length, `${next.item} came at ${turn}`);
    }
    assert.equal(fair.next(), undefined);
  };
  fc.assert(fc.property(fc.array(line, { minLength: 1, maxLength: 12 }), run));
});

test("whatever others do, a client that waits alone at its address is not evicted", () => {
  const others = fc.array(fc.constantFrom("a", "b", "c", "d", "e", "f"), { maxLength: 60 });
  const run = (before: string[], after: string[]): void => {
    const fair = new FairLines<object>({ waitingMax: 8, waitingOfAddressMax: 6 }, () => 0);
    for (const name of before) fair.enter(name, {});
    const honest = {};
    // It comes in, because of seven addresses one has two of the eight places.
    assert.notEqual(fair.enter("honest", honest), honest);
    for (const name of after) assert.notEqual(fair.enter(name, {}), honest);
    assert.ok(fair.delete(honest));
  };
  fc.assert(fc.property(others, others, run));
});

test("the largest group is one that no other exceeds, with its oldest and newest", () => {
  const act = fc.record({
    isAdded: fc.boolean(),
    group: fc.constantFrom("a", "b", "c"),
    at: fc.nat(),
  });
  const run = (acts: { isAdded: boolean; group: string; at: number }[]): void => {
    const crowd = new Crowd<number>();
    let model: { group: string; item: number }[] = [];
    acts.forEach(({ isAdded, group, at }, item) => {
      if (isAdded) {
        crowd.add(group, item);
        model.push({ group, item });
      } else {
        const gone = model[at % Math.max(1, model.length)];
        assert.equal(crowd.delete(gone?.item ?? -1), gone?.group);
        model = model.filter((one) => one !== gone);
      }
      const groups = Map.groupBy(model, (one) => one.group);
      const sizes = [...groups.values()].map(({ length }) => length);
      const { largest } = crowd;
      assert.equal(crowd.size, model.length);
      assert.equal(largest === undefined, model.length === 0);
      if (largest === undefined) return;
      const items = groups.get(largest.group) ?? [];
      assert.equal(items.length, Math.max(...sizes));
      assert.deepEqual([largest.oldest, largest.newest], [items[0]?.item, items.at(-1)?.item]);
    });
  };
  fc.assert(fc.property(fc.array(act, { maxLength: 60 }), run));
});

test("remote addresses: IPv4 whole, IPv6 by /64", () => {
  const groups = {
    "10.1.2.3": "10.1.2.3",
    "::ffff:10.1.2.3": "10.1.2.3",
    "2001:db8:0:1:2:3:4:5": "2001:db8:0:1::/64",
    "2001:db8:0:1::9": "2001:db8:0:1::/64",
    "2001:db8::9": "2001:db8:0:0::/64",
    "fe80::1%eth0": "fe80:0:0:0::/64",
    "64:ff9b::1.2.3.4": "64:ff9b:0:0::/64",
    "::1": "0:0:0:0::/64",
    "": "",
  };
  for (const [ip, group] of Object.entries(groups)) assert.equal(remoteGroupOf(ip), group, ip);
});
