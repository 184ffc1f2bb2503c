/** One thing that happened, and the Event (events.k8s.io/v1) that tells of it. */
import { microTime } from "./micro-time.ts";
import { nameKeyOf, type ObjectReference, referenceTo } from "./object-reference.ts";
import type { Clock, Random } from "./ports.ts";
import type { KubernetesObject } from "./resource.ts";

export interface EventText {
  readonly type: "Normal" | "Warning";
  /** Why, in UpperCamelCase, for programs: at most 128 characters. */
  readonly reason: string;
  /** What was done or tried, in UpperCamelCase: at most 128 characters. */
  readonly action: string;
  /** For people; cut at 1024 bytes. */
  readonly note: string;
}

export interface Happening {
  /** Whose event it is: kubectl describe of this object shows it. With apiVersion, kind and, to be found there, its uid. */
  readonly regarding: KubernetesObject;
  /** The one of its parts that this is about, or the other party. */
  readonly related: ObjectReference | undefined;
  readonly text: EventText;
}

/** Who tells. */
export interface EventSource {
  /** Qualified name of the program, such as "etcd-ts.dev/operator". */
  readonly controller: string;
  /** Which one of several: the pod's name. */
  readonly instance: string;
}

/** Of UTF-8: the API server counts bytes (pkg/apis/core/validation/events.go, NoteLengthLimit). */
const noteBytesMax = 1024;

/** Two happenings of one key are the same again. The note is no part of it: it may hold a number that differs each time. As client-go's eventKey. */
export function seriesKeyOf({ regarding, related, text }: Happening): string {
  const { type, reason, action } = text;
  return JSON.stringify([partiesKeyOf({ regarding, related }), related?.uid, type, reason, action]);
}

/** Who it is about, for the rates. A part that is made anew under its name has no new burst. */
export function partiesKeyOf({
  regarding,
  related,
}: Pick<Happening, "regarding" | "related">): string {
  const { uid } = regarding.metadata;
  return JSON.stringify([
    nameKeyOf(referenceTo(regarding)),
    uid,
    related === undefined ? "" : nameKeyOf(related),
  ]);
}

/** For creation, any number of times: its name is drawn here once, so after a lost answer it is found to exist. */
export function eventOf(
  { regarding, related, text }: Happening,
  source: EventSource,
  ports: { readonly clock: Clock; readonly random: Random },
): KubernetesObject {
  const unixMs = ports.clock.unixMs();
  const { name, namespace, resourceVersion } = regarding.metadata;
  // In the order of time: so kubectl describe shows them, which sorts by a field that this API does not have.
  const suffix = `${unixMs.toString(16)}${ports.random.uint32().toString(16).padStart(8, "0")}`;
  // Cut so that the whole stays a DNS name.
  const prefix = name.slice(0, 200).replace(/[^a-z0-9]+$/, "");
  return {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { name: `${prefix}.${suffix}`, namespace: namespace ?? "default" },
    eventTime: microTime(unixMs),
    reportingController: source.controller,
    reportingInstance: source.instance,
    regarding: {
      ...referenceTo(regarding),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    ...(related === undefined ? {} : { related }),
    ...text,
    note: cut(text.note),
  };
}

function cut(note: string): string {
  const bytes = new Uint8Array(noteBytesMax);
  // Whole characters only.
  const { read } = new TextEncoder().encodeInto(note, bytes);
  return note.slice(0, read);
}
