/**
 * PEM armour read strictly. A file that is being written may end anywhere: whoever reads only the blocks that are whole would take the
 * first half of a CA bundle for all of it, and refuse the clients of the other half.
 */

export interface PemBlock {
  /** What stands behind BEGIN: "CERTIFICATE", "EC PRIVATE KEY", "X509 CRL". */
  readonly label: string;
  /** The block as it was written, with its first and last line. */
  readonly text: string;
}

/** A last line such as "-----BEG". */
const cutBeginning = /(?:^|\n)-{1,5}(?:B[A-Z0-9 ]*-{0,4})?\s*$/;
const beginning = /-----BEGIN ([A-Z0-9 ]+)-----/g;

/** All blocks of a text in order; what stands between them is a comment. Throws an Error where a block has no end. */
export function pemBlocks(text: string): readonly PemBlock[] {
  const blocks: PemBlock[] = [];
  beginning.lastIndex = 0;
  for (let found = beginning.exec(text); found !== null; found = beginning.exec(text)) {
    const label = found[1] as string;
    const end = `-----END ${label}-----`;
    const endsAt = text.indexOf(end, beginning.lastIndex);
    const next = text.indexOf("-----BEGIN ", beginning.lastIndex);
    if (endsAt < 0 || (next >= 0 && next < endsAt))
      throw new Error(`a PEM block of type ${JSON.stringify(label)} has no end`);
    blocks.push({ label, text: `${text.slice(found.index, endsAt + end.length)}\n` });
    beginning.lastIndex = endsAt + end.length;
  }
  if (cutBeginning.test(text.slice(-100))) throw new Error("its last line is cut off");
  return blocks;
}

/** The bytes inside a block. */
export function pemBytes({ label, text }: PemBlock): Uint8Array {
  const inside = text.slice(`-----BEGIN ${label}-----`.length, text.indexOf("-----END "));
  return Buffer.from(inside, "base64");
}
