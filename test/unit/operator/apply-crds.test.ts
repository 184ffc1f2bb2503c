/** `apply-crds` against the fake API server: what it applies, and how long it waits. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { customResourceDefinitions } from "../../../operator/api/v1alpha1/crd.ts";
import { applyCrds, customResourceDefinitionType } from "../../../operator/apply-crds.ts";
import { ApiClient } from "../../../operator/kernel/api-client.ts";
import { DirectTransport } from "../../operator/direct-transport.ts";
import { FakeApi } from "../../operator/fake-api.ts";
import { VirtualTime } from "../../operator/virtual-time.ts";

const resource = { ...customResourceDefinitionType, hasStatus: true };

class CrdLab {
  readonly time = new VirtualTime();
  readonly api = new FakeApi({ clock: this.time, timers: this.time }, [resource]);
  result: unknown;

  start(): void {
    const process = this.time.process();
    const network = { isDown: false, latencyMs: () => 1 };
    const transport = new DirectTransport(this.api, this.time, process, network);
    const client = new ApiClient({
      transport,
      ports: process,
      timeoutMs: 5_000,
      readTries: 1,
      userAgent: "test",
    });
    applyCrds(client, process, customResourceDefinitions).then(
      () => {
        this.result = "done";
      },
      (error: unknown) => {
        this.result = error;
      },
    );
  }

  setConditions(conditions: unknown): void {
    for (const { metadata } of this.api.store.list(resource)) {
      const at = {
        resource,
        namespace: "",
        name: metadata.name,
        subresource: "status",
        manager: "server",
      };
      this.api.store.update(at, { ...this.api.store.get(at), status: { conditions } }, "update");
    }
  }
}

test("both definitions are applied, and the end is when they are served", async () => {
  const lab = new CrdLab();
  lab.start();
  await lab.time.advance(1_000);
  assert.deepEqual(
    lab.api.store.list(resource).map(({ metadata }) => metadata.name),
    ["etcdclusters.etcd-ts.dev", "etcdmembers.etcd-ts.dev"],
  );
  // As a real server has it for a moment.
  lab.setConditions(null);
  await lab.time.advance(5_000);
  assert.equal(lab.result, undefined);
  lab.setConditions([{ type: "Established", status: "True" }]);
  await lab.time.advance(1_000);
  assert.equal(lab.result, "done");
});

test("applying the same again changes nothing", async () => {
  const lab = new CrdLab();
  lab.start();
  await lab.time.advance(500);
  lab.setConditions([{ type: "Established", status: "True" }]);
  await lab.time.advance(1_000);
  const { length } = lab.api.store.mutations;
  lab.start();
  await lab.time.advance(1_000);
  assert.equal(lab.api.store.mutations.length, length);
});

test("a definition that is not served in a minute is an error with the server's reason", async () => {
  const lab = new CrdLab();
  lab.start();
  await lab.time.advance(1_000);
  lab.setConditions([{ type: "NamesAccepted", status: "False", message: "the kind is taken" }]);
  await lab.time.advance(61_000);
  assert.match(String(lab.result), /does not serve etcdclusters.etcd-ts.dev: the kind is taken/);
});
