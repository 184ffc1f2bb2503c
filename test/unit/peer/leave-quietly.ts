/**
 * A program that a test starts: two members talk, close everything, and then the process ends by itself if nothing is left. It ends with
 * code 1 when it is still there after five seconds.
 */
import { memberId } from "../../../node/lib/units.ts";
import { append, connected, entry, heartbeat, LabMember, until } from "./peer-lab.ts";

const [a, b] = await Promise.all([LabMember.start({ id: 0xan }), LabMember.start({ id: 0xbn })]);
a.knows(b);
await connected(a, b);
a.transport.send([heartbeat(a, b.id), append(a, b.id, { index: 0, entries: [entry(1)] })]);
await until(() => b.received.length === 2, "messages");
// One that is not there: attempts, a pause between two, and a post are under way when it closes.
const absent = memberId(0xcn);
a.transport.setPeer(absent, ["http://127.0.0.1:1"]);
a.transport.send([heartbeat(a, absent)]);
await Promise.all([a.stop(), b.stop()]);
process.stdout.write("closed\n");
setTimeout(() => process.exit(1), 5000).unref();
