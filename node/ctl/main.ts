#!/usr/bin/env node
/** The entry point of etcdctl-ts; no logic. */
import { processIo } from "./process-io.ts";
import { run } from "./run.ts";

process.exitCode = await run(processIo());
