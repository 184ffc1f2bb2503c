/** The command line: options in, what is wrong with them out, or a member that serves. */
import { checkConfig } from "./config/config.ts";
import { helpText, versionText } from "./config/help.ts";
import { parseOptions } from "./config/parse.ts";
import { systemClock } from "./lib/platform/clock.ts";
import { type MemberLogger, openLogger } from "./log/logger.ts";
import { serve } from "./serve.ts";

export async function run(args: readonly string[]): Promise<void> {
  const parsed = parseOptions(args, process.env);
  if (parsed.kind === "help") {
    process.stdout.write(helpText());
    return;
  }
  if (parsed.kind === "version") {
    process.stdout.write(versionText(process));
    return;
  }
  const checked =
    parsed.kind === "ok" ? checkConfig(parsed.values, parsed.given, parsed.notices) : parsed;
  if (checked.kind === "problems") {
    for (const problem of checked.problems) process.stderr.write(`etcd-ts: ${problem}\n`);
    process.exitCode = 2;
    return;
  }
  const { config } = checked;
  let logger: MemberLogger;
  try {
    logger = await openLogger(config.log, () => systemClock.unixMs());
  } catch (error) {
    process.stderr.write(`etcd-ts: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
    return;
  }
  try {
    await serve(config, logger);
  } catch (error) {
    logger.error("etcd-ts could not start", { error });
    logger.flush();
    // Listeners or timers of a half-started member must not keep the process.
    process.exit(1);
  }
}
