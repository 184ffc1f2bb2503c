/** Directories that a member must not, or cannot, start on: the process ends at once, with one line that says what to do. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { ourServer, type ServerCommand, type ServerProcess } from "../support/server-process.ts";
import { errorLines, freshPorts, startWith, stopAll } from "./start.ts";

const ours = ourServer() as ServerCommand;
/** Root may write everywhere: the tests of rights run as nobody then. */
const unprivileged: ServerCommand =
  process.getuid?.() === 0
    ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ...ours]
    : ours;

suite("a member is refused, with one line", () => {
  let home = "";
  let running: ServerProcess;

  before(async () => {
    home = mkdtempSync(join(tmpdir(), "etcd-ts-refusals-"));
    chmodSync(home, 0o777);
    running = startWith(ours, join(home, "running"), { ports: await freshPorts() });
    await running.ready();
  });
  after(async () => {
    await stopAll();
    rmSync(home, { recursive: true });
  });

  async function refusal(
    dataDirectory: string,
    flags: readonly string[] = [],
    command = ours,
  ): Promise<string> {
    const logFile = join(home, "refused.log");
    rmSync(logFile, { force: true });
    const ports = await freshPorts();
    const member = startWith(command, dataDirectory, { ports, flags, logFile });
    await assert.rejects(member.ready(20_000), /exited with code 1/);
    const lines = errorLines(logFile);
    assert.equal(lines.length, 1, lines.join("\n"));
    return lines[0] as string;
  }

  const file = (name: string): string => {
    const path = join(home, name);
    writeFileSync(path, "x");
    return path;
  };

  const directory = (name: string, mode: number): string => {
    const path = join(home, name);
    mkdirSync(path);
    chmodSync(path, mode);
    return path;
  };

  test("a data directory that another process works on", async () => {
    const line = await refusal(join(home, "running"));
    assert.match(line, /--data-dir [^ ]*running is in use: another member runs on it; stop that/);
    assert.equal(running.end, undefined);
  });

  test("a log that another process works on, with a data directory of its own", async () => {
    const flag = `--wal-dir=${join(home, "running/member/wal")}`;
    const line = await refusal(join(home, "half"), [flag]);
    assert.match(line, /running\/member\/wal\/[0-9a-f-]+[.]wal is locked: another member works on/);
    assert.equal(running.end, undefined);
  });

  test("a data directory that is a file, or lies below one", async () => {
    const path = file("data-file");
    assert.match(await refusal(path), /--data-dir [^ ]*data-file is not a directory/);
    assert.match(await refusal(join(path, "below")), /--data-dir [^ ]*below is not a directory/);
  });

  test("a log directory that is a file, or lies below one", async () => {
    const path = file("wal-file");
    const data = join(home, "wal-is-file");
    assert.match(
      await refusal(data, [`--wal-dir=${path}`]),
      /--wal-dir [^ ]*wal-file is not a directory/,
    );
    assert.match(
      await refusal(data, [`--wal-dir=${join(path, "below")}`]),
      /cannot create the log [^ ]*below; a file stands where a directory is needed/,
    );
  });

  test("a data directory that this user may not write", async () => {
    const path = directory("data-closed", 0o555);
    const line = await refusal(path, [], unprivileged);
    assert.match(line, /--data-dir [^ ]*data-closed may not be read and written by this user/);
  });

  test("a log directory that this user may not write, or not even read", async () => {
    const data = directory("wal-is-closed", 0o777);
    const below = [`--wal-dir=${join(directory("wal-closed", 0o555), "wal")}`];
    assert.match(
      await refusal(data, below, unprivileged),
      /cannot create the log [^ ]*wal; give the member the right to write there/,
    );
    const hidden = [`--wal-dir=${directory("wal-hidden", 0o000)}`];
    assert.match(
      await refusal(data, hidden, unprivileged),
      /--wal-dir [^ ]*wal-hidden may not be read and written by this user/,
    );
  });

  test("the log of another member, or of another cluster", async () => {
    const data = join(home, "one");
    const other = join(home, "other");
    for (const each of [data, other]) {
      const ports = await freshPorts();
      const member = startWith(ours, each, { ports });
      await member.ready();
      await member.stop();
    }
    const line = await refusal(data, [`--wal-dir=${join(other, "member/wal")}`]);
    assert.match(
      line,
      /other\/member\/wal is the log of member [0-9a-f]+ of cluster [0-9a-f]+, but [^ ]*one\/member\/backend belongs to another/,
    );
  });
});
