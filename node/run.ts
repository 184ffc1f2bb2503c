/** The command line: options in, what is wrong with them out, or a member that serves. */
import { checkConfig } from "./config/config.ts";
import { helpText, parseOptions } from "./config/parse.ts";
import { serverVersion } from "./lib/etcd-version.ts";
import { systemClock } from "./lib/platform/clock.ts";
import { jsonLogger } from "./lib/platform/logger.ts";
import { serve } from "./serve.ts";

export async function run(args: readonly string[]): Promise<void> {
  const parsed = parseOptions(args, process.env);
  if (parsed.kind === "help") {
    process.stdout.write(helpText());
    return;
  }
  if (parsed.kind === "version") {
    process.stdout.write(`etcd-ts, speaks etcd ${serverVersion}\nNode.js ${process.version}\n`);
    return;
  }
  const checked = parsed.kind === "ok" ? checkConfig(parsed.values, parsed.given) : parsed;
  if (checked.kind === "problems") {
    for (const problem of checked.problems) process.stderr.write(`etcd-ts: ${problem}\n`);
    process.exitCode = 2;
    return;
  }
  const { config } = checked;
  const logger = jsonLogger(
    config.logLevel,
    (line) => process.stderr.write(line),
    () => systemClock.unixMs(),
  );
  if (parsed.kind === "ok") {
    for (const variable of parsed.unrecognized) {
      logger.warn("unrecognized environment variable", { "environment-variable": variable });
    }
  }
  try {
    await serve(config, logger);
  } catch (error) {
    logger.error("etcd-ts could not start", { error });
    // Listeners or timers of a half-started member must not keep the process.
    process.exit(1);
  }
}
