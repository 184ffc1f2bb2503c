/** The objects of group etcd-ts.dev as the API server gives them: its defaults are filled in. What is marked as not served has no type to be read by. */
import type { Static, TSchema } from "typebox";
import type { KubernetesObject, ObjectMeta } from "../../kernel/resource.ts";
import type { clusterStatus } from "./cluster-status.ts";
import type { conditions } from "./condition.ts";
import type { clusterMember, memberSpec, memberStatus } from "./member.ts";
import type { clusterSpec } from "./spec/cluster-spec.ts";
import type { image } from "./spec/image.ts";

type DeepReadonly<Value> = Value extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: DeepReadonly<Value[Key]> }
    : Value;

type Read<Schema extends TSchema> = DeepReadonly<Static<Schema>>;

export type Condition = Read<typeof conditions>[number];

export type ImageSpec = Read<typeof image>;

export type EtcdClusterSpec = Read<typeof clusterSpec>;

export type ClusterMemberStatus = Read<typeof clusterMember>;

export type EtcdClusterStatus = Read<typeof clusterStatus>;

export interface EtcdCluster extends KubernetesObject {
  readonly metadata: ObjectMeta;
  readonly spec: EtcdClusterSpec;
  readonly status?: EtcdClusterStatus;
}

export type EtcdMemberSpec = Read<typeof memberSpec>;

export type EtcdMemberStatus = Read<typeof memberStatus>;

export interface EtcdMember extends KubernetesObject {
  readonly metadata: ObjectMeta;
  readonly spec: EtcdMemberSpec;
  readonly status?: EtcdMemberStatus;
}
