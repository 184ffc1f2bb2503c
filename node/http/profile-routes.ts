/**
 * --enable-pprof: profiles under etcd's paths (pkg/debugutil/pprof.go), of V8 and in V8's formats, which Chrome's developer tools,
 * VS Code and speedscope read; `go tool pprof` does not. Without the flag there are no such paths.
 */
import { answer, type PatientAnswer, plainError } from "../lib/http-answers.ts";
import type { Timers } from "../lib/ports.ts";
import { shownCommandLine } from "./command-line.ts";
import type { Profiler } from "./profiler.ts";
import type { Route, Routes } from "./routes.ts";

export interface ProfileOptions {
  readonly profiler: Pick<Profiler, "cpu" | "heap">;
  readonly timers: Pick<Timers, "after">;
  /** Shown without its secrets. */
  readonly commandLine: readonly string[];
}

const prefix = "/debug/pprof";
/** Go's, where ?seconds= is missing or no positive number. */
const secondsDefault = 30;
/** A profile of a busy thread grows by some 100 KB a second, and answers must come within limits of their connections. */
const secondsMax = 120;

export function profileRoutes({ profiler, timers, commandLine }: ProfileOptions): Routes {
  const words = shownCommandLine(commandLine).join("\0");
  return new Map<string, Route>([
    [prefix, { answer: (_query, response) => redirect(response) }],
    [`${prefix}/`, { answer: (_query, response) => safe(response, htmlType, indexPage) }],
    [
      `${prefix}/cmdline`,
      { answer: (_query, response) => safe(response, "text/plain; charset=utf-8", words) },
    ],
    [
      `${prefix}/profile`,
      { answer: (query, response) => void answerCpu({ profiler, timers }, query, response) },
    ],
    [`${prefix}/heap`, { answer: (_query, response) => void answerHeap(profiler, response) }],
    ...goOnly.map((name): [string, Route] => [
      `${prefix}/${name}`,
      { answer: (_query, response) => plainError(response, 404, "Unknown profile") },
    ]),
  ]);
}

/** Profiles of Go's runtime that V8 has no match for: told apart from a path that nobody knows. */
const goOnly = ["allocs", "block", "goroutine", "mutex", "symbol", "threadcreate", "trace"];

const htmlType = "text/html; charset=utf-8";

function safe(response: PatientAnswer, contentType: string, body: string): void {
  response.setHeader("X-Content-Type-Options", "nosniff");
  answer(response, contentType, body);
}

function redirect(response: PatientAnswer): void {
  response.statusCode = 307;
  response.setHeader("Location", `${prefix}/`);
  answer(response, htmlType, `<a href="${prefix}/">Temporary Redirect</a>.\n\n`);
}

async function answerCpu(
  { profiler, timers }: Pick<ProfileOptions, "profiler" | "timers">,
  query: URLSearchParams,
  response: PatientAnswer,
): Promise<void> {
  const seconds = secondsOf(query);
  if (seconds > secondsMax) {
    plainError(response, 400, `seconds must be at most ${secondsMax}`);
    return;
  }
  const stop = new Promise<void>((resolve) => {
    const timer = timers.after(seconds * 1000, resolve);
    // Nobody waits any more: the profiler is free for the next.
    response.once("close", () => {
      timer.cancel();
      resolve();
    });
  });
  try {
    attach(response, "profile.cpuprofile", await profiler.cpu(stop));
  } catch (error) {
    plainError(response, 500, `Could not enable CPU profiling: ${messageOf(error)}`);
  }
}

async function answerHeap(
  profiler: Pick<Profiler, "heap">,
  response: PatientAnswer,
): Promise<void> {
  try {
    attach(response, "heap.heapprofile", await profiler.heap());
  } catch (error) {
    plainError(response, 500, `Could not read the heap profile: ${messageOf(error)}`);
  }
}

function secondsOf(query: URLSearchParams): number {
  const text = query.get("seconds") ?? "";
  const seconds = /^\d+$/.test(text) ? Number(text) : 0;
  return seconds > 0 ? seconds : secondsDefault;
}

function attach(response: PatientAnswer, fileName: string, body: string): void {
  response.setHeader("Content-Disposition", `attachment; filename="${fileName}"`);
  safe(response, "application/json", body);
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

const indexPage = `<!doctype html>
<html lang="en">
<head>
<title>${prefix}/</title>
</head>
<body>
<h1>${prefix}/</h1>
<p>Profiles of the main thread, made by V8. Open the files in Chrome's developer tools, in VS Code or with speedscope.</p>
<dl>
<dt><a href="profile?seconds=30">profile</a></dt>
<dd>CPU profile (.cpuprofile) of <code>?seconds=</code>, 1 to ${secondsMax}, 30 by default. One at a time.</dd>
<dt><a href="heap">heap</a></dt>
<dd>What lives on the heap, by where it was allocated (.heapprofile); sampled since the start of the process.</dd>
<dt><a href="cmdline">cmdline</a></dt>
<dd>The command line, without secrets.</dd>
</dl>
<p>A heap snapshot would stop the member for seconds and is not made here; Node.js's option --heapsnapshot-signal makes one.</p>
<p><a href="/debug/vars">/debug/vars</a> has figures of memory and of raft.</p>
</body>
</html>
`;
