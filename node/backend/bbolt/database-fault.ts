/** A file that is no bbolt database, or no state of etcd. The message says what is wrong where; whoever knows what the file was for says the rest. */
export class DatabaseFault extends Error {
  override readonly name = "DatabaseFault";
}

/** For use within an expression. */
export function faulty(what: string): never {
  throw new DatabaseFault(what);
}
