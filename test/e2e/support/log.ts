/**
 * What the end-to-end programs tell the person who started them: one line per step, with the time since the start and
 * the time the step took.
 */
const startMs = performance.now();

/** Prints a line with the seconds since the program's start. */
export function say(line: string): void {
  process.stdout.write(`${seconds(performance.now() - startMs).padStart(8)}  ${line}\n`);
}

/** Does the work and prints its title with the time it took, or that it failed. */
export async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  const beganMs = performance.now();
  try {
    const result = await work();
    say(`${title} (${seconds(performance.now() - beganMs)})`);
    return result;
  } catch (error) {
    say(`FAILED: ${title} (after ${seconds(performance.now() - beganMs)})`);
    throw error;
  }
}

/**
 * The frame of a program: runs it, prints the message of what went wrong instead of a stack, exits with 1.
 * The stack is printed with ETCD_TS_E2E_TRACE=1.
 */
export async function program(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const isTraced = process.env["ETCD_TS_E2E_TRACE"] === "1";
    const { message, stack } = error as Error;
    process.stderr.write(`\n${isTraced ? stack : message}\n`);
    // What other steps are still waiting for does not matter any more.
    process.exit(1);
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
