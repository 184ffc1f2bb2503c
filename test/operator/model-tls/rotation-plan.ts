/** The real rules in the small world: what the operator would see of it, and what its steps do. */

import { lookOf } from "../../../operator/cluster/look.ts";
import type { Observed, TlsProof } from "../../../operator/cluster/observed.ts";
import type { Answer } from "../../../operator/cluster/rule.ts";
import { dueCertificates, pressingCertificates } from "../../../operator/cluster/rules/tls.ts";
import type { Step } from "../../../operator/cluster/step.ts";
import type {
  CertificateFacts,
  PairFacts,
  SecretFacts,
} from "../../../operator/cluster/tls/facts.ts";
import type { IssueOrder } from "../../../operator/cluster/tls/issue-order.ts";
import {
  type WantedPair,
  wantedOfClients,
  wantedOfMember,
} from "../../../operator/cluster/tls/wanted.ts";
import { clusterWith, context, now, type Sketch } from "../../unit/operator/cluster/lab.ts";
import {
  type CaSecret,
  type Latched,
  letters,
  type Material,
  type World,
} from "./rotation-world.ts";
import { tlsSpec } from "./tls-lab.ts";

export type Planner = (observed: Observed, world: World) => Answer;

const nowMs = Date.parse(now);
const yearMs = 365 * 86_400_000;
const application = "app";
const spec = { tls: { ...tlsSpec, clients: [{ name: application }] } };
const fingerprintOf = (ca: string): string =>
  ca === "" ? "" : ca.charCodeAt(0).toString(16).repeat(32);
const caOf = (fingerprint: string): string =>
  fingerprint === "" ? "" : String.fromCharCode(Number.parseInt(fingerprint.slice(0, 2), 16));

export const plan: Planner = (observed) => {
  const look = lookOf(observed, context);
  const pressing = pressingCertificates(look);
  return pressing?.kind === "step" ? pressing : (dueCertificates(look) ?? pressing);
};

const sketches: Readonly<Record<World["members"][string]["state"], Sketch>> = {
  up: {},
  down: { pod: "unready", answers: false },
  joining: { role: "learner", pod: "absent", volume: "never" },
};
const bases = new Map<string, Observed>();

/** Without Secrets, and remembered: it depends on who is up alone. */
function baseOf(world: World): Observed {
  const states = Object.entries(world.members).map(([name, { state }]) => [name, state] as const);
  const key = JSON.stringify(states);
  const before = bases.get(key);
  if (before !== undefined) return before;
  const members = Object.fromEntries(states.map(([name, state]) => [name, sketches[state]]));
  const made = clusterWith(members, { spec, status: { clusterID: "c1", seedMember: "etcd-a" } });
  bases.set(key, made);
  return made;
}

export function observe(world: World): Observed {
  const base = baseOf(world);
  const { latched, request } = world;
  const certificates = {
    phase: latched.phase,
    caFingerprint: fingerprintOf(latched.ca),
    ...(latched.next === "" ? {} : { nextCAFingerprint: fingerprintOf(latched.next) }),
    ...(latched.request === "" ? {} : { rotationRequest: latched.request }),
    caNotAfter: "2030-12-31T12:00:00Z",
    leafNotAfter: "2026-03-31T12:00:00Z",
  };
  const cluster = {
    ...base.cluster,
    metadata: {
      ...base.cluster.metadata,
      annotations: request === "" ? {} : { "etcd-ts.dev/rotate": request },
    },
    status: { ...base.cluster.status, certificates },
  };
  return { ...base, cluster, tls: { secrets: factsOf(world, base) }, proofs: proofsOf(world) };
}

function factsOf(world: World, { cluster, members }: Observed): ReadonlyMap<string, SecretFacts> {
  const facts = new Map<string, SecretFacts>();
  if (world.ca !== undefined) facts.set("etcd-ca", caFacts(world.ca));
  const changedAtMs = world.isGraceOver ? 0 : nowMs;
  const add = (
    name: string,
    material: Material | undefined,
    pairs: readonly WantedPair[],
  ): void => {
    if (material === undefined) return;
    const found = pairs.map(
      (pair) => [pair.certificateKey, leafOf(name, pair, material.leaf)] as const,
    );
    const bundle = [...material.bundle].map(fingerprintOf);
    facts.set(name, { pairs: new Map(found), bundle, rotation: "", changedAtMs });
  };
  for (const { secretName, holder, pairs } of wantedOfClients(cluster)) {
    const { secret } = holder.kind === "operator" ? world.operator : world.application;
    add(secretName, secret, pairs);
  }
  for (const { member } of members) {
    const { secretName, pairs } = wantedOfMember(cluster, member);
    add(secretName, world.members[shortOf(member.metadata.name)]?.secret, pairs);
  }
  return facts;
}

const shortOf = (memberName: string): string => memberName.replace(/^etcd-/, "");

function leafOf(
  name: string,
  { certificateKey, names, usages }: WantedPair,
  ca: string,
): PairFacts {
  const certificate: CertificateFacts = {
    fingerprint: `${name}/${certificateKey} by ${ca}`,
    ...names,
    notBeforeMs: nowMs,
    notAfterMs: Date.parse("2026-03-31T12:00:00Z"),
    usages,
    keyType: "ECDSA-P256",
    isCa: false,
    issuerFingerprint: fingerprintOf(ca),
  };
  return { kind: "pair", certificate, hasKey: true };
}

function caFacts({ current, hasKey, next, hasNextKey }: CaSecret): SecretFacts {
  const pairOf = (ca: string, has: boolean): PairFacts => ({
    kind: "pair",
    hasKey: has,
    certificate: {
      fingerprint: fingerprintOf(ca),
      commonName: ca,
      dnsNames: [],
      ipAddresses: [],
      notBeforeMs: nowMs,
      notAfterMs: Math.floor((nowMs + 5 * yearMs) / 1000) * 1000,
      usages: [],
      keyType: "ECDSA-P256",
      isCa: true,
      issuerFingerprint: fingerprintOf(ca),
    },
  });
  return {
    pairs: new Map([
      ["tls.crt", pairOf(current, hasKey)],
      ...(next === "" ? [] : [["next.crt", pairOf(next, hasNextKey)] as const]),
    ]),
    bundle: undefined,
    rotation: "",
    changedAtMs: undefined,
  };
}

/** Clients can be made of CAs only whose keys are there. */
function proofsOf({ members, ca }: World): ReadonlyMap<string, TlsProof> {
  const keys = [ca?.hasKey === true ? ca.current : "", ca?.hasNextKey === true ? ca.next : ""];
  return new Map(
    Object.entries(members).flatMap(([name, { mounted, state }]) => {
      if (mounted === undefined || state !== "up") return [];
      const shown = (key: string): string => `etcd-${name}-tls/${key} by ${mounted.leaf}`;
      const proof = {
        serverFingerprint: shown("server.crt"),
        peerFingerprint: shown("peer.crt"),
        trusts: [...mounted.bundle].filter((each) => keys.includes(each)).map(fingerprintOf),
      };
      return [[`etcd-${name}`, proof] as const];
    }),
  );
}

/** What a step writes to, as it is now. */
export function targetOf(world: World, step: Step): string {
  if (step.kind === "latch-cluster") return JSON.stringify(world.latched);
  if (step.kind !== "issue") throw new Error(`not in this world: ${step.kind}`);
  const { order } = step;
  if (order.kind === "ca") return JSON.stringify(world.ca ?? "none");
  const { holder } = order;
  if (holder.kind === "member")
    return JSON.stringify(world.members[shortOf(holder.memberName)]?.secret ?? "none");
  return JSON.stringify(
    (holder.kind === "operator" ? world.operator : world.application).secret ?? "none",
  );
}

export function carryOut(world: World, step: Step): World {
  if (step.kind === "latch-cluster") {
    const to = step.fields.certificates;
    if (to === undefined || to === null) throw new Error("only certificates are latched here");
    const latched: Latched = {
      phase: to.phase,
      ca: caOf(to.caFingerprint ?? ""),
      next: caOf(to.nextCAFingerprint ?? ""),
      request: to.rotationRequest ?? "",
    };
    return { ...world, latched };
  }
  if (step.kind !== "issue") throw new Error(`not in this world: ${step.kind} ${step.reason}`);
  return step.order.kind === "ca" ? changeCa(world, step.order) : writeLeaves(world, step.order);
}

function changeCa(world: World, { change }: Extract<IssueOrder, { kind: "ca" }>): World {
  const fresh = letters[world.made] ?? "z";
  const none: CaSecret = { current: fresh, hasKey: true, next: "", hasNextKey: false };
  const ca = world.ca ?? none;
  switch (change.kind) {
    case "create":
      return { ...world, ca: none, made: world.made + 1 };
    case "restore": {
      const restored = {
        current: caOf(change.lostFingerprint),
        hasKey: false,
        next: fresh,
        hasNextKey: true,
      };
      return { ...world, ca: restored, made: world.made + 1 };
    }
    case "add-next":
      return { ...world, ca: { ...ca, next: fresh, hasNextKey: true }, made: world.made + 1 };
    case "promote":
      return {
        ...world,
        ca: { current: ca.next, hasKey: true, next: ca.current, hasNextKey: false },
      };
    case "drop-old":
      return { ...world, ca: { ...ca, next: "", hasNextKey: false } };
  }
}

function writeLeaves(world: World, order: Extract<IssueOrder, { kind: "leaves" }>): World {
  const { holder } = order;
  const bundle = order.bundle.map(caOf).sort().join("");
  const after = (before: Material | undefined): Material => ({
    leaf: order.leaves === "new" ? caOf(order.issuer) : (before?.leaf ?? ""),
    bundle,
  });
  if (holder.kind === "member") {
    const name = shortOf(holder.memberName);
    const member = world.members[name];
    if (member === undefined) throw new Error(`no member ${name}`);
    return {
      ...world,
      members: { ...world.members, [name]: { ...member, secret: after(member.secret) } },
    };
  }
  const written = { ...world, isGraceOver: false };
  return holder.kind === "operator"
    ? { ...written, operator: { ...world.operator, secret: after(world.operator.secret) } }
    : {
        ...written,
        application: { ...world.application, secret: after(world.application.secret) },
      };
}
