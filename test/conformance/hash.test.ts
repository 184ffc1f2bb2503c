/** Maintenance.Hash goes over every bucket of the backend: equal only when ours hold what etcd's hold. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "../../node/client/client.ts";
import { needs } from "../support/peers.ts";
import { ServerPair } from "./pair.ts";

/** Members publish their client URLs, and those stand in the backend: here both say the same. */
const advertised = "--advertise-client-urls=http://127.0.0.1:2379";

test("Hash of the whole backend equals a real etcd's", needs("etcd"), async () => {
  const pair = await ServerPair.start([advertised]);
  const hashes = async (): Promise<readonly number[]> => {
    const found: number[] = [];
    for (const { address } of [pair.etcd, pair.ours]) {
      const client = new Client({ endpoints: [address] });
      found.push((await client.hash()).hash);
      client.close();
    }
    return found;
  };
  const write = async (address: string): Promise<void> => {
    const client = new Client({ endpoints: [address] });
    for (let index = 0; index < 30; index++)
      await client.put(`key-${index % 12}`, `value ${index}`);
    await client.delete("key-3");
    await client.compact(25, { physical: true });
    client.close();
  };
  try {
    const [etcdBefore, oursBefore] = await hashes();
    await Promise.all([write(pair.etcd.address), write(pair.ours.address)]);
    const [etcdAfter, oursAfter] = await hashes();
    assert.notEqual(etcdAfter, etcdBefore);
    assert.notEqual(oursAfter, oursBefore);
    assert.equal(oursAfter, etcdAfter);
  } finally {
    await pair.stop();
  }
});
