/**
 * Stands in for a member: healthy on its client port, tells its flags in its log, stops at SIGTERM, and as `--log-level` says: "mute" is
 * never healthy as infra2, "broken" ends at once as that, "stubborn" does not stop.
 */
import { createServer } from "node:http";

const flags = new Map(
  process.argv.slice(2).map((flag) => flag.split(/=(.*)/s) as [string, string]),
);
const mode = flags.get("--log-level");
const name = flags.get("--name") ?? "";
const log = (msg: string, fields: object = {}): void => {
  const entry = { level: "info", ts: "2026-01-02T03:04:05.678Z", msg, ...fields };
  process.stderr.write(`${JSON.stringify(entry)}\n`);
};
const server = createServer((_request, response) => {
  response.writeHead(mode === "mute" && name === "infra2" ? 503 : 200).end();
});
server.listen(Number(new URL(flags.get("--listen-client-urls") ?? "").port), "127.0.0.1");
process.on("SIGTERM", () => {
  log("stopping");
  if (mode !== "stubborn") setTimeout(() => process.exit(0), 50);
});
// A test that is killed cannot end what it started.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit(1);
}, 500).unref();
log("flags", { all: process.argv.slice(2), shadowing: process.env["ETCD_NAME"] ?? null });
if (mode === "broken" && name === "infra2") process.exit(7);
