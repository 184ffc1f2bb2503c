import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { Http1 } from "../../../node/http/http1.ts";
import { until } from "./handshakes.ts";
import { TlsLab } from "./tls-lab.ts";

const run = promisify(execFile);

/** What s_client and the listener have agreed on; "refused" where there is no connection. */
async function openssl(lab: TlsLab, ...args: string[]): Promise<string> {
  const { files } = lab.pki;
  const child = spawn("openssl", [
    ...["s_client", "-connect", `127.0.0.1:${lab.port}`, "-CAfile", files.ca],
    ...["-cert", files.clientCert, "-key", files.clientKey, ...args],
  ]);
  let text = "";
  child.stdout.on("data", (chunk) => (text += String(chunk)));
  child.stderr.on("data", (chunk) => (text += String(chunk)));
  const ended = new Promise((resolve) => child.once("close", resolve));
  await until(() => /Verify return code|alert no application protocol/.test(text));
  child.stdin.end();
  child.kill();
  await ended;
  if (text.includes("alert no application protocol")) return "refused";
  return /ALPN protocol: (.*)/.exec(text)?.[1] ?? "none";
}

test("h2 goes to who offers it, http/1.1 to who offers that only, nothing to who offers nothing", async (t) => {
  const lab = await TlsLab.open(t);
  for (const version of ["-tls1_2", "-tls1_3"]) {
    assert.equal(await openssl(lab, version, "-alpn", "h2"), "h2");
    assert.equal(await openssl(lab, version, "-alpn", "http/1.1,h2"), "h2");
    assert.equal(await openssl(lab, version, "-alpn", "http/1.1"), "http/1.1");
    assert.equal(await openssl(lab, version), "none");
    assert.equal(await openssl(lab, version, "-alpn", "spdy/3"), "refused");
  }
  assert.equal(
    (await lab.rejection())["error"],
    "tls: client requested unsupported application protocols",
  );
});

test("where only HTTP/1.1 is spoken, h2 is not agreed on", async (t) => {
  const lab = await TlsLab.open(t, { alpn: "http1" });
  assert.equal(await openssl(lab, "-alpn", "h2,http/1.1"), "http/1.1");
  assert.equal(await openssl(lab), "none");
  assert.equal(await openssl(lab, "-alpn", "h2"), "refused");
});

test("curl has its answer over HTTP/1.1, with and without ALPN, on a connection that was let go of", async (t) => {
  const lab = await TlsLab.open(t, { alpn: "http1" });
  const http = new Http1((request, response) => response.end(`you asked for ${request.url}`));
  t.after(() => http.close());
  const { files } = lab.pki;
  const curl = async (...args: string[]): Promise<string> => {
    const before = lab.admitted.length;
    const asking = run("curl", [
      ...["-sS", "--cacert", files.ca, "--cert", files.clientCert, "--key", files.clientKey],
      ...[...args, `https://localhost:${lab.port}/health`],
    ]);
    http.serve(await lab.untilAdmitted(before + 1), new Uint8Array(0));
    return (await asking).stdout;
  };
  assert.equal(await curl("--http1.1"), "you asked for /health");
  assert.equal(await curl("--http2"), "you asked for /health");
  assert.equal(await curl("--no-alpn"), "you asked for /health");
});

test("a client that refuses us is logged with the alert that it sends", async (t) => {
  const lab = await TlsLab.open(t);
  const asking = run("curl", ["-sS", "--capath", "/nowhere", `https://localhost:${lab.port}/`]);
  await assert.rejects(asking, /certificate/);
  const { error, ...rest } = await lab.rejection();
  assert.equal(error, "remote error: tls: unknown certificate authority");
  assert.equal(rest["server-name"], "localhost");
});
