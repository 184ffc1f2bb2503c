/** etcdctl-ts and the real etcdctl over mutual TLS, the same command lines against the same server: outputs, errors and exit codes must be equal. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { diff } from "../conformance/compare.ts";
import { needs, peer } from "../support/peers.ts";
import { writeFiles } from "../support/pki/files.ts";
import { makePki, TestCa } from "../support/pki.ts";
import { freePort, ourServer, ServerProcess } from "../support/server-process.ts";
import { ctlProgram } from "./ctl-pair.ts";
import { comparable, type Outcome, runShell } from "./ctl-shell.ts";

const right = "--cacert=ca.crt --cert=client.crt --key=client.key";
const soon = "--command-timeout=1s";

const sections: Readonly<Record<string, readonly string[]>> = {
  "with certificates by flag": [
    `etcdctl ${right} put a b`,
    `etcdctl ${right} put c d; etcdctl ${right} get c`,
    `etcdctl ${right} get nothing -w json`,
    `etcdctl ${right} endpoint health`,
    `etcdctl ${right} endpoint health --cluster`,
    `etcdctl ${right} endpoint status`,
    `etcdctl ${right} endpoint status --cluster -w json`,
    `etcdctl ${right} endpoint hashkv --rev=2`,
    `etcdctl ${right} member list`,
    `etcdctl ${right} lock name echo held`,
    `etcdctl ${right} --insecure-transport=false get a`,
    `etcdctl ${right} --insecure-discovery=false get a`,
    "etcdctl --cacert=ca.crt --cert=both.pem --key=both.pem get a",
  ],
  "with certificates from the environment": [
    "export ETCDCTL_CACERT=ca.crt ETCDCTL_CERT=client.crt ETCDCTL_KEY=client.key; etcdctl get a; etcdctl endpoint health",
    "export ETCDCTL_INSECURE_SKIP_TLS_VERIFY=true ETCDCTL_CERT=client.crt ETCDCTL_KEY=client.key; etcdctl get a",
  ],
  "the scheme of the first endpoint speaks for all": [
    `etcdctl ${right} --endpoints=ADDRESS get a`,
    `etcdctl ${right} --endpoints=ADDRESS,https://ADDRESS/,http://ADDRESS get a`,
    `etcdctl ${right} --endpoints=https://ADDRESS,http://ADDRESS get a`,
    `etcdctl ${right} --endpoints=http://ADDRESS,https://ADDRESS ${soon} get a`,
    `etcdctl ${right} --endpoints=http://ADDRESS ${soon} endpoint health`,
    `etcdctl --endpoints=ADDRESS ${soon} get a`,
    `etcdctl --insecure-skip-tls-verify --cert=client.crt --key=client.key --endpoints=ADDRESS get a`,
  ],
  "servers and clients that are refused": [
    `etcdctl ${soon} get a`,
    `etcdctl --cacert=ca.crt ${soon} get a`,
    `etcdctl --cacert=ca.crt ${soon} endpoint health`,
    `etcdctl --cacert=ca.crt ${soon} endpoint status`,
    `etcdctl --cacert=other.crt --cert=client.crt --key=client.key ${soon} put a c`,
    `etcdctl --cacert=ca.crt --cert=stranger.crt --key=stranger.key ${soon} put a c`,
    `etcdctl --cacert=ca.crt --cert=expired.crt --key=expired.key ${soon} put a c`,
    `etcdctl --cacert=empty --cert=client.crt --key=client.key ${soon} get a`,
    `etcdctl --insecure-skip-tls-verify ${soon} get a`,
    "etcdctl --insecure-skip-tls-verify --cert=client.crt --key=client.key get a",
  ],
  "files that are wrong": [
    "etcdctl --cacert=nowhere get a",
    "etcdctl --cacert=. get a",
    "etcdctl --cacert= get a",
    "etcdctl --cert= --key= get a",
    "etcdctl --key= get a",
    "etcdctl --cert=client.crt get a",
    "etcdctl --key=client.key get a",
    "etcdctl --cert=client.crt --key=nowhere get a",
    "etcdctl --cert=nowhere --key=client.key get a",
    "etcdctl --cert=client.crt --key=stranger.key get a",
    "etcdctl --cert=client.key --key=client.key get a",
    "etcdctl --cert=client.crt --key=client.crt get a",
    "etcdctl --cert=empty --key=client.key get a",
    "etcdctl --cert=client.crt --key=empty get a",
    "etcdctl --cert=client.crt endpoint health",
    "etcdctl --cert=client.crt endpoint status",
    "etcdctl --cert=client.crt --endpoints=http://ADDRESS member list",
    "etcdctl --cert=client.crt -w yaml get a",
    "etcdctl --cert=client.crt --key=stranger.key version",
    "etcdctl --cert=client.crt get",
  ],
};

/** Etcd tells a stranger so; ours closes the connection, as Node verifies certificates where no alert can be sent any more. */
const servers = {
  etcd: {
    command: () => [peer("etcd")] as const,
    stranger: /^remote error: tls: unknown certificate authority$/,
  },
  "etcd-ts": {
    command: ourServer,
    stranger: /it may have refused the client's certificate$|ECONNRESET$/,
  },
};

for (const [name, { command, stranger }] of Object.entries(servers))
  describe(
    `etcdctl-ts prints what etcdctl prints, over TLS to ${name}`,
    needs("etcdctl", "etcd"),
    () => {
      const directory = mkdtempSync(join(tmpdir(), "etcd-ts-ctl-tls-"));
      const files = join(directory, "files");
      let server: ServerProcess;
      let programs: readonly string[];

      before(async () => {
        mkdirSync(files);
        const pki = makePki(files);
        const other = TestCa.create("other CA");
        const [outsider, expired] = [
          other.leaf({ commonName: "client" }),
          pki.ca.leaf({ commonName: "client", validity: "expired" }),
        ];
        writeFiles(files, {
          "other.crt": other.certPem,
          "stranger.crt": outsider.certPem,
          "stranger.key": outsider.keyPem,
          "expired.crt": expired.certPem,
          "expired.key": expired.keyPem,
          "both.pem": pki.client.keyPem + pki.client.certPem,
          empty: "",
        });
        const program = command();
        assert(program !== undefined);
        const { ca, serverCert, serverKey, clientCert, clientKey } = pki.files;
        server = new ServerProcess({
          command: program,
          dataDirectory: join(directory, "data"),
          logFile: join(directory, "log"),
          clientPort: await freePort(),
          peerPort: await freePort(),
          tls: { ca, cert: serverCert, key: serverKey, clientCert, clientKey },
        });
        programs = [dirname(peer("etcdctl")), dirname(await ctlProgram(directory))];
        await server.ready();
        assert.equal((await run(`etcdctl ${right} put a b`, programs[0] ?? "")).code, 0);
      });
      after(async () => {
        await server.stop("SIGKILL");
        rmSync(directory, { recursive: true, force: true });
      });

      const run = (line: string, program: string): Promise<Outcome> => {
        const { address } = server;
        const env = line.includes("--endpoints") ? {} : { ETCDCTL_ENDPOINTS: `https://${address}` };
        const named = line.replaceAll("ADDRESS", address);
        return runShell(`cd '${files}'; ${named}`, program, env);
      };

      const difference = async (line: string): Promise<string> => {
        const texts = programs.map(async (program) => {
          const text = comparable(await run(line, program), server.address);
          return text.replace(/revision":\d+/, "revision");
        });
        const [expected = "", actual = ""] = await Promise.all(texts);
        const found = diff(expected, actual);
        return found === "" ? "" : `$ ${line}\n${found}`;
      };

      for (const [title, lines] of Object.entries(sections)) {
        test(title, async () => {
          const differences = await Promise.all(lines.map(difference));
          assert.deepEqual(
            differences.filter((text) => text !== ""),
            [],
            "- etcdctl, + etcdctl-ts",
          );
        });
      }

      test("etcdctl-ts tells why, in a line of its log, when it is refused", async () => {
        const ours = programs[1] ?? "";
        for (const [flags, cause] of [
          ["--cacert=other.crt", /x509: certificate signed by unknown authority$/],
          ["--cacert=ca.crt", /^remote error: tls: certificate required$/],
          ["--cacert=ca.crt --cert=stranger.crt --key=stranger.key", stranger],
        ] as const) {
          const { stderr } = await run(`etcdctl ${flags} ${soon} get a`, ours);
          const [line = ""] = stderr.split("\n");
          assert.match((JSON.parse(line) as { error: string }).error, cause);
        }
      });
    },
  );
