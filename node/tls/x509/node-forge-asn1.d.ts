/**
 * The part of node-forge that is used here. Its file is imported by path, because the whole package costs a process 11 MB and 30 ms,
 * this part of it 5 MB and 4 ms (measured). Bytes are strings with one character each.
 */
declare module "node-forge/lib/asn1.js" {
  export interface Asn1 {
    readonly tagClass: number;
    readonly type: number;
    readonly constructed: boolean;
    readonly value: string | readonly Asn1[];
  }
  interface Bytes {
    getBytes(): string;
  }
  const asn1: {
    readonly Class: Readonly<Record<"UNIVERSAL" | "CONTEXT_SPECIFIC", number>>;
    readonly Type: Readonly<
      Record<
        | "BITSTRING"
        | "BOOLEAN"
        | "GENERALIZEDTIME"
        | "INTEGER"
        | "NULL"
        | "OCTETSTRING"
        | "OID"
        | "PRINTABLESTRING"
        | "SEQUENCE"
        | "SET"
        | "UTCTIME"
        | "UTF8",
        number
      >
    >;
    create(
      tagClass: number,
      type: number,
      constructed: boolean,
      value: string | readonly Asn1[],
    ): Asn1;
    oidToDer(oid: string): Bytes;
    toDer(element: Asn1): Bytes;
  };
  export default asn1;
}
