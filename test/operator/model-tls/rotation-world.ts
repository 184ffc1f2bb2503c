/**
 * A small world in which the real plan changes a CA: who holds which certificates in Secrets, and who has taken them up. CAs are letters. Pure: every
 * change makes another world, and `keyOf` tells worlds apart.
 */

/** What a Secret with leaves holds, or what somebody has taken up of it. */
export interface Material {
  /** The CA that has issued the leaf. */
  readonly leaf: string;
  /** CAs in ca.crt, sorted. */
  readonly bundle: string;
}

export interface Holder {
  /** Undefined: there is no Secret. */
  readonly secret: Material | undefined;
  /** Undefined: nobody uses it yet. It is behind the Secret for as long as the kubelet likes. */
  readonly mounted: Material | undefined;
}

/** joining: listed, without a Pod. Its Pod is made when there is a Secret. */
export interface Member extends Holder {
  readonly state: "up" | "down" | "joining";
}

export interface CaSecret {
  readonly current: string;
  readonly hasKey: boolean;
  readonly next: string;
  readonly hasNextKey: boolean;
}

export interface Latched {
  readonly phase: "Stable" | "AddNew" | "Reissue" | "DropOld";
  readonly ca: string;
  readonly next: string;
  readonly request: string;
}

/** A step of a second operator, which sleeps between its look and its write. */
export interface Held {
  readonly step: string;
  /** What the object was like that it writes to: the precondition. */
  readonly seen: string;
}

export interface World {
  readonly ca: CaSecret | undefined;
  readonly latched: Latched;
  readonly operator: Holder;
  readonly application: Holder;
  readonly members: Readonly<Record<string, Member>>;
  /** Applications have had their time since their Secrets were written. */
  readonly isGraceOver: boolean;
  /** Value of the annotation. */
  readonly request: string;
  /** CAs that were made so far. */
  readonly made: number;
  readonly held: Held | undefined;
  /** What may still happen. */
  readonly left: {
    readonly requests: number;
    readonly downs: number;
    readonly joins: number;
    readonly losses: number;
    readonly holds: number;
  };
}

export const letters = "abcdefgh";

export function worldOf(size: number, left: Partial<World["left"]> = {}): World {
  const old: Material = { leaf: "a", bundle: "a" };
  const names = [...letters.slice(0, size)];
  return {
    ca: { current: "a", hasKey: true, next: "", hasNextKey: false },
    latched: { phase: "Stable", ca: "a", next: "", request: "" },
    operator: { secret: old, mounted: old },
    application: { secret: old, mounted: old },
    members: Object.fromEntries(
      names.map((name) => [name, { secret: old, mounted: old, state: "up" }]),
    ),
    isGraceOver: true,
    request: "",
    made: 1,
    held: undefined,
    left: { requests: 1, downs: 0, joins: 0, losses: 0, holds: 0, ...left },
  };
}

export const keyOf = (world: World): string => JSON.stringify(world);

/** Who cannot talk to whom; undefined when all can. Members that are down may come back with what they had. */
export function silence(world: World): string | undefined {
  const members = Object.entries(world.members).flatMap(([name, { mounted }]) =>
    mounted === undefined ? [] : [{ name, mounted }],
  );
  const clients = [
    { name: "operator", mounted: world.operator.secret },
    { name: "application", mounted: world.application.mounted },
  ].flatMap(({ name, mounted }) => (mounted === undefined ? [] : [{ name, mounted }]));
  for (const from of [...members, ...clients]) {
    for (const to of members) {
      if (from.name === to.name) continue;
      const does = from.mounted.bundle.includes(to.mounted.leaf);
      if (!does) return `${from.name} does not believe ${to.name}`;
      if (!to.mounted.bundle.includes(from.mounted.leaf))
        return `${to.name} does not let in ${from.name}`;
    }
  }
  return undefined;
}

/** Things that happen without an operator. */
export function happenings(world: World): readonly (readonly [string, World])[] {
  const found: (readonly [string, World])[] = [];
  for (const [name, member] of Object.entries(world.members)) {
    found.push(...happeningsOf(world, name, member));
  }
  const { application, left } = world;
  if (!isSame(application.secret, application.mounted)) {
    found.push([
      "application takes up",
      { ...world, application: { ...application, mounted: application.secret } },
    ]);
  } else if (!world.isGraceOver) {
    // It is given more time than it needs: that is what the plan relies on.
    found.push(["minutes pass", { ...world, isGraceOver: true }]);
  }
  if (left.requests > 0) {
    const request = `ca-${left.requests}`;
    found.push([
      "CA asked for",
      { ...world, request, left: { ...left, requests: left.requests - 1 } },
    ]);
  }
  if (left.losses > 0 && world.ca !== undefined) {
    found.push([
      "CA's Secret deleted",
      { ...world, ca: undefined, left: { ...left, losses: left.losses - 1 } },
    ]);
  }
  if (left.joins > 0) {
    const joiner: Member = { secret: undefined, mounted: undefined, state: "joining" };
    found.push([
      "member added",
      {
        ...world,
        members: { ...world.members, j: joiner },
        left: { ...left, joins: left.joins - 1 },
      },
    ]);
  }
  return found;
}

function happeningsOf(
  world: World,
  name: string,
  member: Member,
): readonly (readonly [string, World])[] {
  const { left } = world;
  const changed = (to: Partial<Member>, leftAfter = left): World => ({
    ...world,
    members: { ...world.members, [name]: { ...member, ...to } },
    left: leftAfter,
  });
  const { secret, mounted, state } = member;
  if (state === "joining") {
    return secret === undefined
      ? []
      : [[`${name} starts`, changed({ mounted: secret, state: "up" })]];
  }
  const found: (readonly [string, World])[] = [];
  if (!isSame(secret, mounted)) found.push([`${name} takes up`, changed({ mounted: secret })]);
  if (state === "down") found.push([`${name} comes up`, changed({ state: "up" })]);
  else if (left.downs > 0) {
    found.push([
      `${name} goes down`,
      changed({ state: "down" }, { ...left, downs: left.downs - 1 }),
    ]);
  }
  return found;
}

function isSame(left: Material | undefined, right: Material | undefined): boolean {
  return left?.leaf === right?.leaf && left?.bundle === right?.bundle;
}
