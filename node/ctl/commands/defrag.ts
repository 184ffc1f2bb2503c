/** defrag: one member after the other gives back the room that compaction has freed (etcdctl ctlv3/command/defrag_command.go). */
import type { Command } from "../command.ts";
import { CtlError, exitCode } from "../ctl-error.ts";
import { durationText } from "../go-text.ts";
import { endpointsOf, textOf } from "./endpoint.ts";

export const defrag: Command = {
  name: "defrag",
  group: "Cluster maintenance",
  summary: "Has the endpoints give back the room that compaction has freed",
  details: `Has every endpoint give back the room on its disk that compaction has freed, one after the other. A member of etcd-ts goes on serving
meanwhile.`,
  flags: [{ name: "cluster", kind: "switch", help: "all endpoints that the members tell of" }],
  async run(call) {
    let failures = 0;
    const endpoints = await endpointsOf(call);
    // Loading the program is not part of the time that it takes.
    await import("../session.ts");
    for (const endpoint of endpoints) {
      const start = process.hrtime.bigint();
      const took = (): string => durationText(process.hrtime.bigint() - start);
      try {
        const session = await call.connect([endpoint]);
        await session.ask((client, options) => client.defragment(options));
        call.io.out(`Finished defragmenting etcd member[${endpoint}]. took ${took()}\n`);
      } catch (error) {
        const text = textOf(error);
        call.io.err(`Failed to defragment etcd member[${endpoint}]. took ${took()}. (${text})\n`);
        failures += 1;
      }
    }
    if (failures > 0) throw new CtlError(exitCode.error, "");
  },
};
