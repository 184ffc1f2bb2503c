/**
 * Whether the fake API server of the unit tests answers as a real one does: each test asks both the same through the operator's kernel
 * and compares. Writes: preconditions, apply, status, deletion. Run by hand: `node --test test/e2e/kernel.e2e.ts`; needs kube-apiserver,
 * etcd, etcdctl and openssl.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import type { ApiError } from "../../operator/kernel/api-error.ts";
import type { KubernetesObject, ObjectMeta } from "../../operator/kernel/resource.ts";
import { widget, widgets } from "../operator/kernel-lab.ts";
import {
  type Contender,
  outcome,
  ref,
  startTwoServers,
  type TwoServers,
} from "./support/two-servers.ts";

const otherUid = "00000000-0000-4000-8000-000000000000";
let servers: TwoServers;

before(async () => {
  servers = await startTwoServers();
});

after(() => servers.stop());

function both<Answer>(ask: (contender: Contender) => Promise<Answer>): Promise<Answer> {
  return servers.both(ask);
}

function generationOf(object: KubernetesObject): number | undefined {
  return object.metadata.generation;
}

test("create: the name must be free; the status is not taken", async () => {
  const answers = await both(async ({ client }) => {
    const object = widget("made", { spec: { size: 1 }, status: { phase: "Fresh" } });
    const made = await client.create(widgets, object);
    return [
      made["spec"],
      made["status"],
      generationOf(made),
      typeof made.metadata.uid,
      await outcome(client.create(widgets, object)),
      await outcome(
        client.create(widgets, { ...object, metadata: { ...object.metadata, name: "" } }),
      ),
      await outcome(client.create(widgets, made)),
    ];
  });
  assert.deepEqual(answers.slice(0, 4), [{ size: 1 }, undefined, 1, "string"]);
  assert.deepEqual(answers[4], {
    kind: "AlreadyExists",
    code: 409,
    reason: "AlreadyExists",
    causes: [],
  });
});

test("replace: only upon the resourceVersion that is stored; the generation counts specs", async () => {
  const answers = await both(async ({ client }) => {
    const made = await client.create(widgets, widget("replaced", { spec: { size: 1 } }));
    const next = { ...made, spec: { size: 2 } };
    const replaced = await client.replace(widgets, next);
    const again = await client.replace(widgets, replaced);
    const labelled = { ...again, metadata: { ...again.metadata, labels: { a: "b" } } };
    const last = await client.replace(widgets, labelled);
    const bare = { ...last.metadata, resourceVersion: undefined } as unknown as ObjectMeta;
    return [
      [generationOf(replaced), generationOf(again), generationOf(last)],
      replaced.metadata.resourceVersion === again.metadata.resourceVersion,
      await outcome(client.replace(widgets, next)),
      await outcome(client.replace(widgets, { ...last, metadata: bare })),
      await outcome(
        client.replace(
          widgets,
          widget("missing", { metadata: { ...last.metadata, name: "missing" } }),
        ),
      ),
    ];
  });
  assert.deepEqual(answers.slice(0, 2), [[2, 2, 2], true]);
  assert.deepEqual(answers[2], { kind: "Conflict", code: 409, reason: "Conflict", causes: [] });
});

test("status: its subresource writes nothing else, and nothing else writes it", async () => {
  const answers = await both(async ({ client }) => {
    const made = await client.create(widgets, widget("stated", { spec: { size: 1 } }));
    const both = { ...made, spec: { size: 9 }, status: { phase: "Up" } };
    const stated = await client.replace(widgets, both, { subresource: "status" });
    const spec = await client.replace(widgets, { ...stated, spec: { size: 2 }, status: {} });
    const body = {
      metadata: { resourceVersion: stated.metadata.resourceVersion },
      status: { id: "a" },
    };
    const type = "merge" as const;
    const stale = client.patch(widgets, ref("stated"), body, { type, subresource: "status" });
    const fresh = { ...body, metadata: { resourceVersion: spec.metadata.resourceVersion } };
    return [
      [stated["spec"], stated["status"], generationOf(stated)],
      [spec["spec"], spec["status"], generationOf(spec)],
      await outcome(stale),
      (await client.patch(widgets, ref("stated"), fresh, { type, subresource: "status" }))[
        "status"
      ],
    ];
  });
  assert.deepEqual(answers[0], [{ size: 1 }, { phase: "Up" }, 1]);
  assert.deepEqual(answers[1], [{ size: 2 }, { phase: "Up" }, 2]);
  assert.deepEqual(answers[2], { kind: "Conflict", code: 409, reason: "Conflict", causes: [] });
  assert.deepEqual(answers[3], { phase: "Up", id: "a" });
});

test("a uid is no precondition of a status: only a resourceVersion is", async () => {
  const answers = await both(async ({ client }) => {
    const made = await client.create(widgets, widget("identified"));
    const patch = async (metadata: unknown): Promise<unknown> => {
      const options = { type: "merge", subresource: "status" } as const;
      return outcome(
        client.patch(widgets, ref("identified"), { metadata, status: { a: 1 } }, options),
      );
    };
    const apply = async (fields: { uid?: string; resourceVersion?: string }): Promise<unknown> => {
      const object = { metadata: { ...ref("identified"), ...fields }, status: { b: 1 } };
      const options = { fieldManager: "one", isForced: true, subresource: "status" };
      return outcome(client.apply(widgets, object, options));
    };
    const { resourceVersion = "" } = made.metadata;
    return [
      await apply({ resourceVersion: "1" }),
      await apply({ resourceVersion }),
      await apply({ resourceVersion }),
      await patch({ resourceVersion }),
      await apply({ uid: otherUid }),
      await patch({ uid: otherUid }),
    ];
  });
  const conflict = { kind: "Conflict", code: 409, reason: "Conflict", causes: [] };
  assert.deepEqual(answers, [conflict, "done", conflict, conflict, "done", "done"]);
});

test("apply: creates, conflicts over fields of others, takes them by force, drops what is given no more", async () => {
  const answers = await both(async ({ client }) => {
    const one = { fieldManager: "one" };
    const two = { fieldManager: "two" };
    const made = await client.apply(widgets, widget("applied", { spec: { a: 1, b: 1 } }), one);
    const refused = client.apply(widgets, widget("applied", { spec: { a: 2 } }), two);
    const refusal = await outcome(refused);
    const forced = await client.apply(widgets, widget("applied", { spec: { a: 2 } }), {
      ...two,
      isForced: true,
    });
    const dropped = await client.apply(widgets, widget("applied", { spec: { c: 3 } }), one);
    const repeated = await client.apply(widgets, widget("applied", { spec: { c: 3 } }), one);
    return [
      [made["spec"], generationOf(made)],
      refusal,
      forced["spec"],
      dropped["spec"],
      repeated.metadata.resourceVersion === dropped.metadata.resourceVersion,
    ];
  });
  assert.deepEqual(answers[1], {
    kind: "Conflict",
    code: 409,
    reason: "Conflict",
    causes: [["FieldManagerConflict", ".spec.a"]],
  });
  assert.deepEqual(answers.slice(2), [{ a: 2, b: 1 }, { a: 2, c: 3 }, true]);
});

test("apply of the status: by two managers side by side, and never a new object", async () => {
  const answers = await both(async ({ client }) => {
    const made = await client.create(widgets, widget("told"));
    const latch = {
      metadata: { resourceVersion: made.metadata.resourceVersion },
      status: { id: "x" },
    };
    const subresource = "status";
    await client.patch(widgets, ref("told"), latch, {
      type: "merge",
      subresource,
      fieldManager: "latch",
    });
    const say = (name: string, status: unknown, uid?: string): Promise<KubernetesObject> => {
      const metadata = uid === undefined ? ref(name) : { ...ref(name), uid };
      const options = { fieldManager: "status", isForced: true, subresource };
      return client.apply(widgets, { metadata, status }, options);
    };
    const first = await say("told", { phase: "Up", leader: "a" });
    const second = await say("told", { phase: "Up" }, made.metadata.uid);
    return [
      first["status"],
      second["status"],
      await outcome(say("nowhere", { phase: "Up" })),
      await outcome(say("nowhere", { phase: "Up" }, made.metadata.uid)),
    ];
  });
  assert.deepEqual(answers.slice(0, 2), [
    { id: "x", phase: "Up", leader: "a" },
    { id: "x", phase: "Up" },
  ]);
});

test("apply with a uid makes no new object and touches no other one", async () => {
  const answers = await both(async ({ client }) => {
    const made = await client.create(widgets, widget("kept"));
    const options = { fieldManager: "one", isForced: true };
    const at = (name: string, uid = ""): KubernetesObject => ({
      metadata: { ...ref(name), uid, labels: { a: "b" } },
    });
    return [
      await outcome(client.apply(widgets, at("absent", made.metadata.uid), options)),
      await outcome(client.apply(widgets, at("kept", otherUid), options)),
      await outcome(client.apply(widgets, at("kept", made.metadata.uid), options)),
    ];
  });
  assert.deepEqual(
    answers.map((answer) => (typeof answer === "string" ? answer : (answer as ApiError).kind)),
    ["Conflict", "Invalid", "done"],
  );
});

test("delete: this very object and no other, and gone is gone", async () => {
  const answers = await both(async ({ client }) => {
    const made = await client.create(widgets, widget("ended"));
    const { uid, resourceVersion } = made.metadata;
    return [
      await outcome(client.delete(widgets, ref("ended"), { uid: otherUid })),
      await outcome(client.delete(widgets, ref("ended"), { resourceVersion: "1" })),
      await outcome(client.delete(widgets, ref("ended"), { uid, resourceVersion })),
      await outcome(client.delete(widgets, ref("ended"), { uid })),
    ];
  });
  const conflict = { kind: "Conflict", code: 409, reason: "Conflict", causes: [] };
  assert.deepEqual(answers, [
    conflict,
    conflict,
    "done",
    { kind: "NotFound", code: 404, reason: "NotFound", causes: [] },
  ]);
});

test("finalizers hold an object that is deleted until they are gone", async () => {
  const answers = await both(async ({ client }) => {
    const held = widget("held", { metadata: { ...ref("held"), finalizers: ["test.dev/hold"] } });
    await client.create(widgets, held);
    await client.delete(widgets, ref("held"));
    const ending = await client.get(widgets, ref("held"));
    const body = { metadata: { finalizers: null } };
    await client.patch(widgets, ref("held"), body, { type: "merge" });
    return [
      typeof ending.metadata.deletionTimestamp,
      generationOf(ending),
      await client.find(widgets, ref("held")),
    ];
  });
  assert.deepEqual(answers, ["string", 2, undefined]);
});
