/**
 * Clients that others wrote, each a program of its own, against a member with our framing, a member that leaves HTTP/2 to
 * node:http2, and a real etcd: real requests, and the same answers from all three.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { OneMember } from "../support/one-member.ts";
import { needs, peer } from "../support/peers.ts";

const members: Readonly<Record<string, () => Promise<OneMember>>> = {
  "our framing": () => OneMember.start(),
  "node:http2": () => OneMember.start({ environment: { ETCD_TS_TEST_GRPC: "node-http2" } }),
  etcd: () => OneMember.start({ command: [peer("etcd")] }),
};

const string = (field: number, text: string): Buffer =>
  Buffer.concat([Buffer.from([(field << 3) | 2, text.length]), Buffer.from(text)]);

/** One gRPC message. */
function message(...fields: readonly Buffer[]): Buffer {
  const body = Buffer.concat(fields);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

const grpcHeaders = ["-H", "content-type: application/grpc", "-H", "te: trailers"];

for (const [name, start] of Object.entries(members)) {
  describe(`beside ${name}`, needs("etcd", "etcdctl", "curl", "nghttp", "h2load"), () => {
    let member: OneMember;
    let putFile: string;
    let rangeFile: string;

    before(async () => {
      member = await start();
      putFile = join(member.directory, "put");
      rangeFile = join(member.directory, "range");
      writeFileSync(putFile, message(string(1, "interop/key"), string(2, "value of the key")));
      writeFileSync(rangeFile, message(string(1, "interop/key")));
    });
    after(() => member.stop());

    const run = (program: string, args: readonly string[], input = ""): string =>
      execFileSync(peer(program), args, {
        encoding: "utf8",
        input,
        maxBuffer: 64 << 20,
        stdio: "pipe",
      });
    const url = (path: string): string => `http://${member.address}${path}`;

    /** Head and body as curl saw them; the head has the trailers, too. */
    const curl = (...args: readonly string[]): { head: string; body: Buffer } => {
      const headFile = join(member.directory, "head");
      const bodyFile = join(member.directory, "body");
      run("curl", ["--silent", "--show-error", "-D", headFile, "-o", bodyFile, ...args]);
      return { head: readFileSync(headFile, "latin1"), body: readFileSync(bodyFile) };
    };
    const curlGrpc = (path: string, file: string) =>
      curl("--http2-prior-knowledge", ...grpcHeaders, "--data-binary", `@${file}`, url(path));

    test("curl --http2-prior-knowledge makes gRPC calls", () => {
      const put = curlGrpc("/etcdserverpb.KV/Put", putFile);
      assert.match(put.head, /^HTTP\/2 200 \r\n(.*\r\n)*grpc-status: 0\r\n/);
      assert.match(put.head, /^content-type: application\/grpc\r$/m);
      assert.equal(put.body.length, 5 + put.body.readUInt32BE(1));
      const range = curlGrpc("/etcdserverpb.KV/Range", rangeFile);
      assert.ok(range.body.includes("value of the key"));
      assert.equal(range.body[0], 0);
    });

    test("curl sees the error of a gRPC call", () => {
      const emptyFile = join(member.directory, "empty");
      writeFileSync(emptyFile, message());
      const { head, body } = curlGrpc("/etcdserverpb.KV/Range", emptyFile);
      assert.match(head, /^grpc-status: 3\r$/m);
      assert.match(head, /^grpc-message: etcdserver: key is not provided\r$/m);
      assert.equal(body.length, 0);
    });

    test("curl without gRPC is served over HTTP/1.1, and an upgrade is not taken", () => {
      const served = curl("--http1.1", url("/health"));
      assert.match(served.head, /^HTTP\/1.1 200 OK/);
      assert.equal(served.body.toString(), '{"health":"true","reason":""}');
      const upgraded = curl("--http2", url("/health"));
      assert.match(upgraded.head, /^HTTP\/1.1 200 OK/);
    });

    test("curl and nghttp without gRPC over HTTP/2 in plaintext: etcd refuses them, our server serves them", () => {
      const asked = curl("--http2-prior-knowledge", url("/health"));
      if (name === "etcd") {
        assert.match(asked.head, /^HTTP\/2 415 /);
        return;
      }
      assert.match(asked.head, /^HTTP\/2 200 /);
      assert.equal(asked.body.toString(), '{"health":"true","reason":""}');
      const headed = curl("--http2-prior-knowledge", "--head", url("/version"));
      assert.match(headed.head, /^HTTP\/2 405 \r\n(.*\r\n)*allow: GET\r\n/);
      const largeFile = join(member.directory, "large");
      writeFileSync(largeFile, Buffer.alloc(3_000_000));
      for (const file of [putFile, largeFile]) {
        const sent = ["--data-binary", `@${file}`, url("/health")];
        assert.match(curl("--http2-prior-knowledge", ...sent).head, /^HTTP\/2 405 /);
      }
      // Large enough for more than one frame and, through nghttp's window of 2^10 - 1 bytes, for many turns.
      const metrics = run("nghttp", ["-w", "10", "-W", "10", url("/metrics")]);
      assert.match(metrics, /^etcd_server_has_leader 1$/m);
      assert.match(metrics, /^process_start_time_seconds /m);
    });

    test("nghttp makes gRPC calls, 20 on one connection, through small windows", () => {
      const common = ["-v", "--no-dep", ...grpcHeaders, "-d", rangeFile];
      const output = run("nghttp", [
        ...common,
        "-m",
        "20",
        "--window-bits=6",
        url("/etcdserverpb.KV/Range"),
      ]);
      assert.equal(output.match(/recv \(stream_id=\d+\) grpc-status: 0/g)?.length, 20);
      assert.equal(output.match(/GOAWAY.*\n.*error_code=(?!NO_ERROR)/g), null);
      assert.doesNotMatch(output, /RST_STREAM/);
    });

    test("h2load has every one of 4,000 calls answered", () => {
      const output = run("h2load", [
        ...["-n", "4000", "-c", "4", "-m", "50", "-d", putFile],
        ...[...grpcHeaders, url("/etcdserverpb.KV/Put")],
      ]);
      assert.match(
        output,
        /4000 total, 4000 started, 4000 done, 4000 succeeded, 0 failed, 0 errored/,
      );
      assert.match(output, /4000 2xx/);
    });

    test("etcdctl writes and reads, a megabyte too", () => {
      const etcdctl = (args: readonly string[], input = "") =>
        run("etcdctl", ["--endpoints", member.address, ...args], input);
      const big = "0123456789".repeat(100_000);
      assert.equal(etcdctl(["put", "interop/big"], big), "OK\n");
      assert.equal(etcdctl(["get", "--print-value-only", "interop/big"]), `${big}\n`);
      for (let at = 0; at < 10; at++) etcdctl(["put", `interop/many/${at}`, String(at)]);
      const keys = etcdctl(["get", "--prefix", "--keys-only", "interop/many/"]);
      assert.equal(keys.split("\n").filter((line) => line !== "").length, 10);
      assert.equal(etcdctl(["del", "--prefix", "interop/many/"]), "10\n");
    });

    test("etcdctl is told the size that a request may have", () => {
      const tooBig = "x".repeat(1_800_000);
      assert.throws(
        () => run("etcdctl", ["--endpoints", member.address, "put", "interop/big"], tooBig),
        /etcdserver: request is too large/,
      );
    });
  });
}
