/** What the parts of the fake API server speak of: kinds, objects, what happened to them, and how it refuses. */
import type { ResourceType } from "../../operator/kernel/resource.ts";
import type { Tree } from "./fake-api-json.ts";

export interface FakeResource extends ResourceType {
  /** The status is written through its subresource only. */
  readonly hasStatus: boolean;
  /** Deletion waits for the node's agent, once the object is on a node: Pods. */
  readonly isGraceful?: boolean;
}

export interface StoredObject extends Tree {
  metadata: Tree & { name: string; resourceVersion: string; uid: string };
}

export interface HistoryEvent {
  readonly version: number;
  readonly resource: FakeResource;
  readonly before: StoredObject | undefined;
  readonly after: StoredObject | undefined;
  /** What a DELETED event carries: the last state, with the version of the deletion. */
  readonly last: StoredObject;
}

/** One mutation that took effect, for tests that count them. */
export interface Mutation {
  readonly verb: "create" | "update" | "patch" | "apply" | "delete";
  readonly plural: string;
  readonly name: string;
  readonly by: string;
}

/** Where and by whom something is written. */
export interface Target {
  readonly resource: FakeResource;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
  readonly manager: string;
}

export class StatusError extends Error {
  readonly code: number;
  readonly status: Tree;

  constructor(code: number, reason: string, message: string, details: Tree = {}) {
    super(message);
    this.code = code;
    this.status = {
      kind: "Status",
      apiVersion: "v1",
      status: "Failure",
      code,
      reason,
      message,
      details,
    };
  }
}
