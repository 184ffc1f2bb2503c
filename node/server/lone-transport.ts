/** The network of a member that has none: nothing is sent, nobody is there. */
import type { PeerNetwork, PeerTransport } from "./peer-transport.ts";

const nothing = (): void => undefined;
const nobody = (): Promise<never> => Promise.reject(new Error("there is no peer network"));

export const loneTransport: PeerTransport = {
  send: nothing,
  sendSnapshot: (_message, body, done) => {
    body.release();
    queueMicrotask(() => done("failed"));
  },
  setPeer: nothing,
  removePeer: nothing,
  activeSinceMs: () => undefined,
  promote: nobody,
  renewLease: nobody,
  leaseTimes: nobody,
  versions: () => Promise.resolve(new Map()),
  isEtcdTs: () => false,
  close: nothing,
};

export const loneNetwork: PeerNetwork = {
  fetchCluster: () => Promise.resolve(undefined),
  open: () => loneTransport,
};
