/** One run of etcdctl-ts in this process, with outputs kept as texts. */
import { run } from "../../../node/ctl/run.ts";

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runCtl(
  args: readonly string[],
  options: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Outcome> {
  const out: Buffer[] = [];
  let stderr = "";
  const code = await run({
    args,
    env: options.env ?? {},
    out: (text) => out.push(Buffer.from(text)),
    err: (text) => {
      stderr += text;
    },
    async *input() {
      yield Buffer.from(options.input ?? "");
    },
    sleep: async () => {},
  });
  return { code, stdout: Buffer.concat(out).toString(), stderr };
}
