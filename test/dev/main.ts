/** `npm run dev`: a cluster on this machine, for playing and for developing. `npm run dev -- --help` tells the options. */
import { ourServer } from "../support/server-process.ts";
import { runDev } from "./dev.ts";
import { paintFor } from "./log-line.ts";
import { devMembers } from "./members.ts";
import { devHelp, parseDevOptions } from "./options.ts";

const parsed = parseDevOptions(process.argv.slice(2));
const command = ourServer();
if (parsed.kind === "help") {
  process.stdout.write(devHelp);
} else if (parsed.kind === "problem") {
  process.stderr.write(`${parsed.text}\n\n${devHelp}`);
  process.exitCode = 2;
} else if (command === undefined) {
  process.stderr.write("there is no server to start\n");
  process.exitCode = 1;
} else {
  process.exitCode = await runDev(parsed.options, {
    command,
    members: devMembers(parsed.options.members),
    environment: process.env,
    paint: paintFor(process.stdout.isTTY, process.env),
    print: (line) => process.stdout.write(`${line}\n`),
    onSignal: (handler) => {
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, handler);
    },
  });
}
