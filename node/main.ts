#!/usr/bin/env node
/** The entry point: options, wiring and signals; no logic. */

// libuv reads the size of its thread pool when the pool is first used: log writes, LevelDB's commits and reads, and name look-ups
// share it, and a log write must never wait behind the others. So this comes before everything else is loaded.
process.env["UV_THREADPOOL_SIZE"] ??= "8";

const { limitHeap } = await import("./heap-limit.ts");
limitHeap();

// Before the large part is read, which takes a busy machine a second.
const { endAtSignals } = await import("./early-signals.ts");
endAtSignals();

const { run } = await import("./run.ts");
await run(process.argv.slice(2));

export {};
