/**
 * "systemd/journal". etcd sends datagrams in the journal's own protocol; Node.js has no Unix datagram sockets. The journal also takes a service's standard
 * error, with the priority of a line in front of it (sd-daemon(3)): so the lines go there, when the journal is what reads it. What is lost by this
 * way are the fields PACKAGE and SYSLOG_IDENTIFIER, of which systemd sets the second by itself.
 */
import { fstatSync } from "node:fs";
import { levelNumbers } from "./line-output.ts";

/** "<6>" for information: syslog's priorities as etcd's journal writer gives them. */
export function journalPrefix(level: number): string {
  if (level >= levelNumbers.error) return "<3>";
  if (level >= levelNumbers.warn) return "<4>";
  return level >= levelNumbers.info ? "<6>" : "<7>";
}

/** Throws unless standard error leads to the journal (JOURNAL_STREAM of systemd.exec(5)): etcd does not start without a journal either. */
export function checkJournal(environment: NodeJS.ProcessEnv, fd: number): void {
  const { JOURNAL_STREAM: stream } = environment;
  if (stream !== undefined && stream === identity(fd)) return;
  throw new Error(
    "--log-outputs=systemd/journal: standard error is not connected to the systemd journal; run as a systemd service with StandardError=journal, or name another output",
  );
}

function identity(fd: number): string | undefined {
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
