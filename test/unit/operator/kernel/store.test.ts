import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { type KubernetesObject, keyOf } from "../../../../operator/kernel/resource.ts";
import { Store } from "../../../../operator/kernel/store.ts";

function make(name: string, uid: string, version: number, color: string): KubernetesObject {
  return {
    metadata: { name, namespace: "ns", uid, resourceVersion: String(version), labels: { color } },
  };
}

const colorOf = (object: KubernetesObject): string[] => Object.values(object.metadata.labels ?? {});

/** Rebuilds the contents from what a handler hears, and refuses what does not fit. */
function follow(store: Store): Map<string, KubernetesObject> {
  const seen = new Map<string, KubernetesObject>();
  store.subscribe({
    onAdd: (object) => {
      assert.ok(!seen.has(keyOf(object.metadata)), "added twice");
      seen.set(keyOf(object.metadata), object);
    },
    onUpdate: (before, after) => {
      assert.equal(seen.get(keyOf(before.metadata)), before);
      assert.equal(before.metadata.uid, after.metadata.uid);
      assert.notEqual(before.metadata.resourceVersion, after.metadata.resourceVersion);
      seen.set(keyOf(after.metadata), after);
    },
    onDelete: (last) => {
      const known = seen.get(keyOf(last.metadata));
      assert.equal(known?.metadata.uid, last.metadata.uid, "deleted what was not there");
      seen.delete(keyOf(last.metadata));
    },
  });
  return seen;
}

const step = fc.record({
  kind: fc.constantFrom("upsert", "remove", "replace"),
  names: fc.uniqueArray(fc.constantFrom("a", "b", "c", "d"), { minLength: 1 }),
  uid: fc.constantFrom("1", "2"),
  version: fc.integer({ min: 1, max: 6 }),
  color: fc.constantFrom("red", "blue"),
});

test("indexes and handlers agree with the contents after any steps", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const store = new Store({ color: colorOf });
      const seen = follow(store);
      for (const { kind, names, uid, version, color } of steps) {
        const objects = names.map((name) => make(name, uid, version, color));
        if (kind === "replace") {
          store.replace(objects);
          assert.deepEqual(
            store
              .list()
              .map((object) => object.metadata.name)
              .sort(),
            [...names].sort(),
          );
        } else if (kind === "upsert") {
          for (const object of objects) store.upsert(object);
        } else {
          for (const object of objects) store.remove(object);
          for (const name of names) assert.equal(store.get({ namespace: "ns", name }), undefined);
        }
        assert.deepEqual([...seen.values()].sort(byName), store.list().sort(byName));
        for (const value of ["red", "blue"]) {
          const expected = store.list().filter((object) => colorOf(object).includes(value));
          assert.deepEqual(store.byIndex("color", value).sort(byName), expected.sort(byName));
        }
      }
    }),
    { numRuns: 500 },
  );
});

function byName(left: KubernetesObject, right: KubernetesObject): number {
  return left.metadata.name < right.metadata.name ? -1 : 1;
}

test("an object deleted and made anew unseen is a delete and an add", () => {
  const store = new Store();
  const heard: string[] = [];
  store.upsert(make("a", "1", 1, "red"));
  store.subscribe({
    onAdd: (object) => heard.push(`add ${object.metadata.uid}`),
    onUpdate: () => heard.push("update"),
    onDelete: (object) => heard.push(`delete ${object.metadata.uid}`),
  });
  store.replace([make("a", "2", 9, "red")]);
  assert.deepEqual(heard, ["add 1", "delete 1", "add 2"]);
});

test("a late subscriber hears of everything that is there", () => {
  const store = new Store();
  store.replace([make("a", "1", 1, "red"), make("b", "2", 1, "red")]);
  assert.equal(follow(store).size, 2);
  assert.equal(store.size, 2);
});
