/** How a command ends that failed: etcdctl's exit codes (etcd pkg/cobrautl/error.go) and the line that says why. */

export const exitCode = {
  error: 1,
  badConnection: 2,
  /** For txn. */
  invalidInput: 3,
  /** A known flag with a value that is not served. */
  badFeature: 4,
  /** The server ended a watch. */
  interrupted: 5,
  badArguments: 128,
} as const;

export class CtlError extends Error {
  override readonly name = "CtlError";
  readonly code: number;
  /** Printed behind the message: for wrong flags. */
  readonly usage: string;

  constructor(code: number, message: string, usage = "") {
    super(message);
    this.code = code;
    this.usage = usage;
  }
}

export const notServed = (what: string): CtlError =>
  new CtlError(exitCode.badFeature, `${what} is not served in this version of etcdctl-ts`);
