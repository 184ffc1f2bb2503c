/** Certificates that no peer may show, whoever dials: the rows that both directions have in common. */
import { type LeafOptions, selfSignedLeaf, TestCa, type TestLeaf } from "../support/pki.ts";

export const unverified = "tls: failed to verify certificate: x509: ";
export const unknownAuthority = `${unverified}certificate signed by unknown authority`;

/** `peerLeaf` issues by the peers' CA; `revoked` is in its revocation list. */
export function wrongLeaves(
  peerLeaf: (options: LeafOptions) => TestLeaf,
  revoked: TestLeaf,
): readonly {
  readonly title: string;
  readonly leaf: TestLeaf;
  readonly refused: string | RegExp;
}[] {
  const serial = Buffer.from(revoked.serial).toString("hex").replace(/^0+/, "");
  return [
    {
      title: "of another CA with the same name",
      leaf: TestCa.create("peers' CA").leaf({ commonName: "member" }),
      refused: unknownAuthority,
    },
    {
      title: "self-signed",
      leaf: selfSignedLeaf({ commonName: "member" }),
      refused: unknownAuthority,
    },
    {
      title: "expired",
      leaf: peerLeaf({ validity: "expired" }),
      refused: /certificate has expired or is not yet valid: current time .* is after /,
    },
    {
      title: "not yet valid",
      leaf: peerLeaf({ validity: "future" }),
      refused: /certificate has expired or is not yet valid: current time .* is before /,
    },
    {
      title: "revoked",
      leaf: revoked,
      refused: `transport: certificate serial ${serial} revoked`,
    },
  ];
}
