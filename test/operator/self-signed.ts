/** A self-signed certificate for 127.0.0.1 (ECDSA P-256), made by hand so that TLS can be tested without programs or keys in the project. */
import { generateKeyPairSync, sign } from "node:crypto";

export interface Identity {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...head]), body]);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const hex = (text: string): Buffer => Buffer.from(text, "hex");
const oid = (text: string): Buffer => der(0x06, hex(text));
const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"));
const isTrue = hex("0101ff");

export function selfSigned(commonName: string): Identity {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(commonName)))));
  const validity = sequence(
    der(0x18, Buffer.from("20200101000000Z")),
    der(0x18, Buffer.from("21200101000000Z")),
  );
  const loopback = der(0x87, Buffer.from([127, 0, 0, 1]));
  const extensions = sequence(
    sequence(oid("551d13"), isTrue, der(0x04, sequence(isTrue))),
    sequence(oid("551d11"), der(0x04, sequence(loopback))),
  );
  const toBeSigned = sequence(
    der(0xa0, hex("020102")),
    der(0x02, hex("01")),
    ecdsaWithSha256,
    name,
    validity,
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, extensions),
  );
  const signature = der(0x03, hex("00"), sign("sha256", toBeSigned, privateKey));
  const whole = sequence(toBeSigned, ecdsaWithSha256, signature).toString("base64");
  const lines = whole.match(/.{1,64}/g) ?? [];
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
  };
}
