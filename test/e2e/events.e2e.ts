/**
 * Events as a real API server takes them and a real kubectl shows them. Run by hand: `node --test test/e2e/events.e2e.ts`; needs kube-apiserver, kubectl, etcd
 * and openssl.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { ApiClient } from "../../operator/kernel/api-client.ts";
import { EventRecorder } from "../../operator/kernel/event-recorder.ts";
import { HttpTransport } from "../../operator/kernel/http-transport.ts";
import { accessFromKubeConfig } from "../../operator/kernel/kube-config.ts";
import { referenceTo } from "../../operator/kernel/object-reference.ts";
import { widget, widgets } from "../operator/kernel-lab.ts";
import { startApiServer } from "./support/api-server.ts";
import { built } from "./support/programs.ts";
import { definitions, processPorts, widgetDefinition } from "./support/two-servers.ts";

test("kubectl describe of the object shows an event of each of its parts, and the count of what came again", async () => {
  const server = await startApiServer();
  const transport = new HttpTransport(accessFromKubeConfig({ file: server.kubeconfig }));
  const client = new ApiClient({
    transport,
    ports: processPorts,
    timeoutMs: 10_000,
    readTries: 4,
    userAgent: "etcd-ts-e2e",
  });
  const kubectl = (...args: readonly string[]): string =>
    execFileSync(built("kubectl"), [`--kubeconfig=${server.kubeconfig}`, ...args], {
      encoding: "utf8",
    });
  try {
    await client.create(definitions, widgetDefinition);
    kubectl("wait", "--for=condition=Established", "crd/widgets.test.dev", "--timeout=60s");
    const whole = await client.create(widgets, widget("db"));
    const parts = await Promise.all(
      ["db-a", "db-b"].map(async (name) => referenceTo(await client.create(widgets, widget(name)))),
    );
    // Writes counts at once: the wait between two writes of a series is a minute.
    const clock = { aheadMs: 0 };
    const ports = {
      ...processPorts,
      clock: {
        monotonicMs: () => processPorts.clock.monotonicMs() + clock.aheadMs,
        unixMs: () => processPorts.clock.unixMs(),
      },
    };
    const recorder = new EventRecorder({ client, ports, controller: "test.dev/it", instance: "0" });
    const stop = new AbortController();
    const running = recorder.run(stop.signal);
    const text = { type: "Normal", reason: "CreatedPod", action: "Create" } as const;
    const tell = (): void => {
      for (const part of parts) {
        recorder.record(
          whole,
          { ...text, note: `the pod of member ${part.name} is created` },
          part,
        );
      }
    };
    tell();
    recorder.record(whole, { ...text, reason: "Started", note: "ä".repeat(600) });
    await delay(2_000);
    clock.aheadMs = 61_000;
    recorder.record(whole, { ...text, note: "again" }, parts[1]);
    await delay(2_000);
    stop.abort();
    await running;
    assert.equal(recorder.droppedCount, 0);

    const described = kubectl("describe", "widgets.test.dev", "db");
    process.stdout.write(described.replaceAll(/ä{9,}/g, "ä…"));
    assert.match(
      described,
      /Normal +CreatedPod +\S+ +test\.dev\/it +the pod of member db-a is created/,
    );
    assert.match(
      described,
      /Normal +CreatedPod +\S+ \(x2 over .+\) +test\.dev\/it +the pod of member db-b is created/,
    );
    assert.match(described, /Normal +Started +\S+ +test\.dev\/it +ä{512}\n/);
    const table = kubectl(
      ...["get", "events", "--field-selector=involvedObject.name=db"],
      "-o=custom-columns=REASON:.reason,ABOUT:.related.name,MESSAGE:.message",
    );
    process.stdout.write(table.replaceAll(/ä{9,}/g, "ä…"));
    assert.match(table, /CreatedPod +db-a +the pod of member db-a is created/);
    assert.match(table, /Started +<none> +ä/);
    process.stdout.write(kubectl("events", "--for=widgets.test.dev/db").replaceAll(/ä{9,}/g, "ä…"));
  } finally {
    transport.close();
    await server.stop();
  }
});
