/** Key pairs, made on a thread of the pool: an RSA key takes up to seconds, in which the operator has to keep its Lease. */
import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import type { KeyPair } from "../../node/tls/x509/keys.ts";
import type { EtcdClusterSpec } from "../api/v1alpha1/types.ts";

type LeafKeyType = EtcdClusterSpec["tls"]["leaf"]["keyType"];

const generate = promisify(generateKeyPair);

export async function makeKeyPair(type: LeafKeyType): Promise<KeyPair> {
  switch (type) {
    case "ECDSA-P256":
      return generate("ec", { namedCurve: "P-256" });
    case "RSA-2048":
      return generate("rsa", { modulusLength: 2048 });
    case "RSA-4096":
      return generate("rsa", { modulusLength: 4096 });
  }
}
