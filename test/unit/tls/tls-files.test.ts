import assert from "node:assert/strict";
import { test } from "node:test";
import { lookAt, readTogether, type TlsFile } from "../../../node/tls/tls-files.ts";
import {
  replaceFile,
  swapSecret,
  writeFiles,
  writeSecretDirectory,
} from "../../support/pki/files.ts";
import { temporaryDir } from "./handshakes.ts";

const filesAt = (paths: readonly string[]): TlsFile[] =>
  paths.map((path) => ({ role: "cert", flag: "--cert-file", path }));

test("files of a secret that is swapped at any moment of their reading are of one generation", async (t) => {
  const dir = temporaryDir(t);
  const names = Array.from({ length: 12 }, (_, at) => `file-${at}`);
  const generation = (count: number) =>
    Object.fromEntries(names.map((name) => [name, `generation ${count}`]));
  const paths = writeSecretDirectory(dir, generation(0));
  const files = filesAt(names.map((name) => paths[name] as string));
  for (let round = 1; round <= 200; round++) {
    const reading = readTogether(files);
    for (let turn = round % 40; turn > 0; turn--) await new Promise(setImmediate);
    swapSecret(dir, generation(round));
    const { files: contents } = await reading;
    const texts = new Set(contents.map(({ content }) => String(content)));
    assert.equal(texts.size, 1, [...texts].join(" and "));
  }
});

test("a look changes with every way in which a file is written", async (t) => {
  const dir = temporaryDir(t);
  const { a } = writeFiles(dir, { a: "1" });
  const files = filesAt([a]);
  const looks = [await lookAt(files)];
  const after = async (change: () => unknown): Promise<void> => {
    change();
    looks.push(await lookAt(files));
  };
  await after(() => writeFiles(dir, { a: "22" }));
  await after(() => replaceFile(a, "33"));
  await after(() => replaceFile(a, "33"));
  assert.equal(new Set(looks).size, looks.length);
  assert.equal(await lookAt(files), looks.at(-1));
});

test("equal contents have equal digests; an error is a content of its own", async (t) => {
  const { a, b } = writeFiles(temporaryDir(t), { a: "1", b: "1" });
  const digest = async (...paths: string[]) => (await readTogether(filesAt(paths))).digest;
  assert.equal(await digest(a, a), await digest(a, b));
  assert.notEqual(await digest(a), await digest(a, b));
  assert.notEqual(await digest(a), await digest(`${a}.missing`));
  assert.equal(await digest(`${b}.missing`), await digest(`${a}.missing`));
});
