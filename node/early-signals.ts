/**
 * Signals that come while the program is still being loaded. They end process 1 of a container only if somebody handles them: its Pod would wait for the
 * whole grace period otherwise.
 */

const signals = ["SIGTERM", "SIGINT"] as const;
// Nothing was begun that could be stopped in order.
const end = (): void => process.exit(0);

/** From now on, until `handOverSignals`, a signal ends the process at once. */
export function endAtSignals(): void {
  for (const signal of signals) process.on(signal, end);
}

/** To be called by whoever handles them now. */
export function handOverSignals(): void {
  for (const signal of signals) process.off(signal, end);
}
