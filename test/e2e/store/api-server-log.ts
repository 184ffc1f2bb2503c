/**
 * What the API server's log says about its store. Two writers write into it: klog ("E1128 19:01:15.000000 123 file.go:12] text") and
 * etcd's client (JSON with a level). Everything above "info" that has to do with the store is kept, with what varies taken out, and counted.
 */
import { readFileSync } from "node:fs";

/** Of any line that tells of storage: etcd's words, gRPC's, and those of the watch cache above them. */
const ofTheStore = /etcd|rpc error|grpc:|cacher|watch chan|watch_cache|compact|lease_manager/i;

/** A klog line of a warning or an error. */
const klog = /^([WEF])\d{4} \S+ +\d+ ([\w.-]+\.go):\d+\] (.*)$/;

export class ApiServerLog {
  readonly #file: string;
  #readTo = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** What came since the last call: text ▸ how often. */
  news(): ReadonlyMap<string, number> {
    const bytes = readFileSync(this.#file);
    const text = bytes.subarray(this.#readTo).toString();
    this.#readTo = bytes.length;
    const counts = new Map<string, number>();
    for (const line of text.split("\n")) {
      const complaint = complaintOf(line);
      if (complaint !== undefined) counts.set(complaint, (counts.get(complaint) ?? 0) + 1);
    }
    return counts;
  }
}

function complaintOf(line: string): string | undefined {
  const [, level, file, text = ""] = klog.exec(line) ?? [];
  if (level !== undefined) {
    return ofTheStore.test(`${file} ${text}`) ? masked(`${level} ${file}: ${text}`) : undefined;
  }
  if (!line.startsWith("{")) return undefined;
  const json = JSON.parse(line) as Readonly<Record<string, string>>;
  const { level: zapLevel, method = "", msg, error = "" } = json;
  if (zapLevel === "info" || zapLevel === "debug") return undefined;
  return masked(`${zapLevel} ${method}: ${msg}: ${error}`);
}

function masked(text: string): string {
  return text
    .replace(/127\.0\.0\.1:\d+/g, "ADDRESS")
    .replace(/0x[0-9a-f]+|[0-9a-f]{8}-[0-9a-f-]{27}/g, "ID")
    .replace(/\d+/g, "N")
    .slice(0, 600);
}
