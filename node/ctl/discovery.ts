/** Endpoints from DNS: the SRV records of a domain (etcd client/pkg/srv). */
import { CtlError, exitCode } from "./ctl-error.ts";
import { quote } from "./go-text.ts";
import type { Io } from "./process-io.ts";

/** One SRV record. */
export interface ServiceRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

export interface Discovery {
  /** Empty: no discovery. */
  readonly domain: string;
  /** Follows the service in the name that is looked up. */
  readonly serviceName: string;
  /** Records of plain endpoints are taken too. */
  readonly isInsecure: boolean;
}

/** Those with TLS first. None where the records name none. Rejects with CtlError, exit code 1, when neither lookup succeeds. */
export async function discover(
  io: Pick<Io, "err" | "lookUpServices">,
  discovery: Discovery,
): Promise<readonly string[]> {
  const { domain, serviceName, isInsecure } = discovery;
  const suffix = serviceName === "" ? "" : `-${serviceName}`;
  const [secure, plain] = await Promise.all([
    lookUp(io, `_etcd-client-ssl${suffix}._tcp.${domain}`),
    lookUp(io, `_etcd-client${suffix}._tcp.${domain}`),
  ]);
  if (typeof secure === "string" && typeof plain === "string")
    throw new CtlError(exitCode.error, `dns lookup errors: ${secure} and ${plain}`);
  const urls = (scheme: string, found: readonly ServiceRecord[] | string): string[] =>
    typeof found === "string"
      ? []
      : inOrder(found).map(({ name, port }) => `${scheme}://${name.replace(/\.$/, "")}:${port}`);
  const plainUrls = urls("http", plain);
  if (!isInsecure) {
    for (const url of plainUrls) io.err(`ignoring discovered insecure endpoint ${quote(url)}\n`);
  }
  return [...urls("https", secure), ...(isInsecure ? plainUrls : [])];
}

/** The records, or why there are none. */
async function lookUp(
  io: Pick<Io, "lookUpServices">,
  name: string,
): Promise<readonly ServiceRecord[] | string> {
  try {
    return await io.lookUpServices(name);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isAbsent = code === "ENOTFOUND" || code === "ENODATA";
    return `lookup ${name}: ${isAbsent ? "no such host" : message}`;
  }
}

/** The lowest priority first; the weight decides among equals, where etcdctl draws lots. */
const inOrder = (records: readonly ServiceRecord[]): ServiceRecord[] =>
  records.toSorted((a, b) =>
    a.priority === b.priority ? b.weight - a.weight : a.priority - b.priority,
  );
