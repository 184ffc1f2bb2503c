/** Certificate revocation lists, version 2 (RFC 5280 5). */
import { authorityOf, type Issuer, serialNumber } from "./certificate.ts";
import { sequence, tagged, unsignedNumber } from "./der.ts";
import { authorityKeyIdentifier, extension, extensionOids } from "./extensions.ts";
import { signatureAlgorithm, signed } from "./signature.ts";
import { validityTime } from "./time.ts";

export interface CrlRequest {
  readonly issuer: Issuer;
  /** Of certificates of this issuer, as in their requests; each at most once. */
  readonly revokedSerials: readonly Uint8Array[];
  /** Milliseconds since the Unix epoch. It also stands for the moment of each revocation. */
  readonly thisUpdateMs: number;
  /** When the next list is due. */
  readonly nextUpdateMs: number;
  /** Grows from list to list of one issuer; by default the seconds of `thisUpdateMs`. */
  readonly number?: number;
}

/** DER. Throws an Error where the private key does not fit the issuer. */
export function issueCrl(request: CrlRequest): Uint8Array {
  const { thisUpdateMs, revokedSerials } = request;
  const authority = authorityOf(request.issuer);
  const revoked = revokedSerials.map((serial) =>
    sequence(serialNumber(serial), validityTime(thisUpdateMs)),
  );
  const number = unsignedNumber(request.number ?? Math.floor(thisUpdateMs / 1000));
  const toBeSigned = sequence(
    unsignedNumber(1), // version 2
    signatureAlgorithm(authority.privateKey),
    authority.name,
    validityTime(thisUpdateMs),
    validityTime(request.nextUpdateMs),
    // An empty list is left out, not written empty.
    revoked.length === 0 ? undefined : sequence(...revoked),
    tagged(
      0,
      sequence(
        authority.keyIdentifier && authorityKeyIdentifier(authority.keyIdentifier),
        extension(extensionOids.crlNumber, false, number),
      ),
    ),
  );
  return signed(toBeSigned, authority.privateKey);
}
