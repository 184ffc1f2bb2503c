/** One run of etcdctl-ts in this process, with outputs kept as texts. */
import type { ServiceRecord } from "../../../node/ctl/discovery.ts";
import type { Ended } from "../../../node/ctl/program.ts";
import { run } from "../../../node/ctl/run.ts";

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What a program does that is run; by default it must not be. */
  readonly execute?: (
    words: readonly string[],
    env: Readonly<Record<string, string | undefined>>,
  ) => Promise<Ended>;
  readonly interrupted?: AbortSignal;
  /** What DNS says; by default it must not be asked. */
  readonly lookUpServices?: (name: string) => Promise<readonly ServiceRecord[]>;
}

export async function runCtl(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
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
    closeInput: () => {},
    sleep: async () => {},
    execute: options.execute ?? (() => Promise.reject(new Error("no program is expected"))),
    lookUpServices:
      options.lookUpServices ?? (() => Promise.reject(new Error("no lookup is expected"))),
    interrupted: () => options.interrupted ?? new AbortController().signal,
  });
  return { code, stdout: Buffer.concat(out).toString(), stderr };
}
