/** The Watch and Lease methods: their paths and codecs. */
import { etcdserverpb } from "../proto/generated/messages.js";
import type { Method } from "./connection.ts";

export function method<Request, Response>(
  path: string,
  isRepeatable: boolean,
  request: { encode(message: Request): { finish(): Uint8Array } },
  response: { decode(bytes: Uint8Array): Response },
): Method<Request, Response> {
  return {
    path: `/etcdserverpb.${path}`,
    isRepeatable,
    encode: (message) => request.encode(message).finish(),
    decode: (bytes) => response.decode(bytes),
  };
}

const pb = etcdserverpb;
export const watchMethod = method("Watch/Watch", false, pb.WatchRequest, pb.WatchResponse);
export const keepAliveMethod = method(
  "Lease/LeaseKeepAlive",
  false,
  pb.LeaseKeepAliveRequest,
  pb.LeaseKeepAliveResponse,
);
export const leaseGrant = method(
  "Lease/LeaseGrant",
  false,
  pb.LeaseGrantRequest,
  pb.LeaseGrantResponse,
);
export const leaseRevoke = method(
  "Lease/LeaseRevoke",
  false,
  pb.LeaseRevokeRequest,
  pb.LeaseRevokeResponse,
);
export const leaseTimeToLive = method(
  "Lease/LeaseTimeToLive",
  true,
  pb.LeaseTimeToLiveRequest,
  pb.LeaseTimeToLiveResponse,
);
export const leaseLeases = method(
  "Lease/LeaseLeases",
  true,
  pb.LeaseLeasesRequest,
  pb.LeaseLeasesResponse,
);
