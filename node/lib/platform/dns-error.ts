/** What goes wrong with a look-up, in the words of Go's resolver ("lookup NAME: no such host"), without the name server's address. */

/** The answer, or an Error that says what was looked up and why there is none. */
export async function orGoError<T>(name: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    throw new Error(`lookup ${name}: ${reasonOf(cause)}`, { cause });
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOTFOUND" || code === "ENODATA") return "no such host";
  if (code === "ETIMEOUT") return "i/o timeout";
  return error instanceof Error ? error.message : String(error);
}
