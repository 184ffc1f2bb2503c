/** The client port of one fake member: gRPC on an address of its own, over mutual TLS with the certificates of the member's Secret. */
import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  status,
} from "@grpc/grpc-js";
import { ClientError } from "../../../node/client/client-error.ts";
import { clientPort } from "../../../operator/resources/urls.ts";
import type { FakeData } from "../fake-etcd.ts";
import { type Method, methods } from "./etcd-service.ts";

/** PEM texts. */
export interface ServerFiles {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export interface MemberServerOptions {
  readonly address: string;
  /** Undefined: plain text. */
  readonly files: ServerFiles | undefined;
  readonly data: FakeData;
  /** Called with the method's path for each call that arrives. */
  readonly called: (path: string) => void;
}

const listHashKey = "etcd-ts-member-list-hash";
const bytesOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes);

const definition: ServiceDefinition = Object.fromEntries(
  methods.map(({ path }) => [
    path,
    {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: bytesOf,
      requestDeserialize: bytesOf,
      responseSerialize: bytesOf,
      responseDeserialize: bytesOf,
    },
  ]),
);

/** Resolves when it listens. */
export async function serveMember(options: MemberServerOptions): Promise<Server> {
  const server = new Server();
  server.addService(
    definition,
    Object.fromEntries(methods.map((method) => [method.path, handlerOf(method, options)])),
  );
  await new Promise<void>((resolve, reject) => {
    const target = `${options.address}:${clientPort}`;
    server.bindAsync(target, credentialsOf(options.files), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  return server;
}

function credentialsOf(files: ServerFiles | undefined): ServerCredentials {
  if (files === undefined) return ServerCredentials.createInsecure();
  const pair = { cert_chain: Buffer.from(files.certificate), private_key: Buffer.from(files.key) };
  return ServerCredentials.createSsl(Buffer.from(files.ca), [pair], true);
}

function handlerOf(
  { path, answer }: Method,
  { data, called }: MemberServerOptions,
): handleUnaryCall<Buffer, Uint8Array> {
  return ({ request, metadata }, callback) => {
    called(path);
    try {
      callback(null, answer(data, request, metadata.get(listHashKey)[0]?.toString()));
    } catch (error) {
      const isOurs = error instanceof ClientError;
      callback({
        code: statusOf(isOurs ? error.code : status.INTERNAL),
        details: isOurs ? error.text : String(error),
      });
    }
  };
}

function statusOf(code: number): status {
  return Object.values(status).find((each): each is status => each === code) ?? status.UNKNOWN;
}
