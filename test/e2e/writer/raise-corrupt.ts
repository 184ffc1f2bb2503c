/**
 * Raises etcd's alarm CORRUPT in the name of a member, from the network of the pods.
 *
 *     node raise-corrupt.ts --namespace N --cluster C --application A --member ID
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Targets } from "./targets.ts";

const text = { type: "string", default: "" } as const;
const { values } = parseArgs({
  options: { namespace: text, cluster: text, application: { type: "string" }, member: text },
});
const targets = new Targets(values);
while (targets.addresses.length === 0) await sleep(100);
const client = targets.connectOnce(targets.addresses[0] ?? "");
await client.raiseAlarm({ memberId: BigInt(`0x${values.member}`), type: "corrupt" });
client.close();
await targets.stop();
