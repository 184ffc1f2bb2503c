#!/usr/bin/env node
/** The operator's entry point: signals and the exit code; no logic. */

/** Below the 30 seconds after which the kubelet kills: the lease is then free when it expires. */
const stopWithinMs = 25_000;

const stop = new AbortController();
for (const name of ["SIGTERM", "SIGINT"] as const) {
  process.on(name, () => {
    stop.abort();
    setTimeout(() => process.exit(1), stopWithinMs).unref();
  });
}

try {
  // Loaded only now: process 1 of a container loses a signal that nobody handles, and reading the large part takes a busy machine a second.
  const { run } = await import("./run.ts");
  // Connections that somebody else keeps open are no reason to stay.
  process.exit(await run(process.argv.slice(2), process.env, stop.signal));
} catch (error) {
  process.stderr.write(
    `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exit(1);
}

export {};
