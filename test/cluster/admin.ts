/** Changes of the membership, through any member's Cluster and Maintenance services. */
import { join } from "node:path";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import protobuf from "protobufjs";

const protoDirectory = join(import.meta.dirname, "../../node/proto");
const root = new protobuf.Root();
root.resolvePath = (_origin, target) => join(protoDirectory, target.replace(/^.*\//, ""));
root.loadSync(["rpc-cluster.proto", "rpc-maintenance.proto"], { keepCase: true });

const deadlineMs = 10_000;

/** PEM texts: by what members are recognised, as localhost, and what they are shown. */
export interface AdminTls {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

async function call<Answer>(
  { address, tls }: Admin,
  [service, name]: readonly [string, string],
  request: object,
): Promise<Answer> {
  const requestType = root.lookupType(`etcdserverpb.${name}Request`);
  const responseType = root.lookupType(`etcdserverpb.${name}Response`);
  const security =
    tls === undefined
      ? credentials.createInsecure()
      : credentials.createSsl(tls.ca, tls.key, tls.cert);
  const client = new Client(address, security, {
    "grpc.enable_http_proxy": 0,
    "grpc.use_local_subchannel_pool": 1,
    // An address is no name to ask a server for.
    ...(tls === undefined ? {} : { "grpc.ssl_target_name_override": "localhost" }),
  });
  try {
    return await new Promise<Answer>((resolve, reject) => {
      client.makeUnaryRequest(
        `/etcdserverpb.${service}/${name}`,
        (message: object) => Buffer.from(requestType.encode(message).finish()),
        (bytes: Buffer) => responseType.toObject(responseType.decode(bytes), { longs: String }),
        requestType.fromObject(request),
        { deadline: Date.now() + deadlineMs },
        (error: ServiceError | null, answer?: object) => {
          if (error !== null) reject(error);
          else resolve(answer as Answer);
        },
      );
    });
  } finally {
    client.close();
  }
}

/** All calls go to the member at this host:port and reject with grpc-js's ServiceError. */
export class Admin {
  readonly address: string;
  readonly tls: AdminTls | undefined;

  /** Without `tls` the member is asked in plain text. */
  constructor(address: string, tls?: AdminTls) {
    this.address = address;
    this.tls = tls;
  }

  /** The new member's id. */
  async addMember(peerUrl: string, { isLearner = false } = {}): Promise<bigint> {
    const { member } = await call<{ member: { ID: string } }>(this, ["Cluster", "MemberAdd"], {
      peerURLs: [peerUrl],
      isLearner,
    });
    return BigInt(member.ID);
  }

  async removeMember(id: bigint): Promise<void> {
    await call(this, ["Cluster", "MemberRemove"], { ID: id.toString() });
  }

  /** Refused while the learner is far behind the leader. */
  async promoteMember(id: bigint): Promise<void> {
    await call(this, ["Cluster", "MemberPromote"], { ID: id.toString() });
  }

  /** Only the leader does this. */
  async moveLeader(target: bigint): Promise<void> {
    await call(this, ["Maintenance", "MoveLeader"], { targetID: target.toString() });
  }
}
