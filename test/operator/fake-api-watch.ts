/** One watch of the fake API server: history first, then what happens, seen through the selectors; and what can go wrong with it. */

import type { Tree } from "./fake-api-json.ts";
import type { FakeStore } from "./fake-api-store.ts";
import type { FakeResource, HistoryEvent, StoredObject } from "./fake-api-types.ts";

/** Where an answer goes. After `end` or `break` nothing follows. */
export interface Sink {
  head(status: number, headers: Readonly<Record<string, string>>): void;
  chunk(text: string): void;
  end(): void;
  /** The connection is gone: before the head the client gets no answer, afterwards half of one. */
  break(): void;
}

export interface Selection {
  readonly resource: FakeResource;
  readonly namespace: string | undefined;
  readonly selects: (object: StoredObject) => boolean;
}

export class FakeWatch {
  private readonly store: FakeStore;
  private readonly selection: Selection;
  private readonly sink: Sink;
  private readonly stopListening: () => void;
  private isSilent = false;
  private isOver = false;

  constructor(store: FakeStore, selection: Selection, sink: Sink) {
    this.store = store;
    this.selection = selection;
    this.sink = sink;
    this.stopListening = store.listen((event) => this.take(event));
  }

  /** Begins after `from`; undefined begins with everything that there is. */
  start(from: number | undefined): void {
    this.sink.head(200, { "content-type": "application/json" });
    if (from === undefined) {
      for (const object of this.store.list(this.selection.resource, this.selection.namespace)) {
        if (this.selection.selects(object)) this.send("ADDED", object);
      }
    } else {
      for (const event of this.store.since(this.selection.resource, from)) this.take(event);
    }
  }

  /** The client still believes in it, and hears nothing any more. */
  silence(): void {
    this.isSilent = true;
  }

  bookmark(): void {
    const { kind, plural } = this.selection.resource;
    if (this.store.version < this.store.compactedVersion) return;
    const metadata = { resourceVersion: String(this.store.version) };
    this.send("BOOKMARK", { apiVersion: plural, kind, metadata });
  }

  error(status: Tree): void {
    this.send("ERROR", status);
    this.close("end");
  }

  close(how: "end" | "break"): void {
    if (this.isOver) return;
    this.stop();
    this.sink[how]();
  }

  /** The client is gone. */
  stop(): void {
    this.isOver = true;
    this.stopListening();
  }

  private take(event: HistoryEvent): void {
    const { resource, namespace, selects } = this.selection;
    if (event.resource.plural !== resource.plural) return;
    if (namespace !== undefined && event.last.metadata["namespace"] !== namespace) return;
    const wasSelected = event.before !== undefined && selects(event.before);
    const isSelected = event.after !== undefined && selects(event.after);
    if (isSelected) this.send(wasSelected ? "MODIFIED" : "ADDED", event.last);
    else if (wasSelected) this.send("DELETED", event.last);
  }

  private send(type: string, object: unknown): void {
    if (this.isSilent || this.isOver) return;
    this.sink.chunk(`${JSON.stringify({ type, object })}\n`);
  }
}

/** Equality selectors: "a=b,c!=d,e". */
export function labelSelects(selector: string | null, object: StoredObject): boolean {
  const labels = (object.metadata["labels"] ?? {}) as Record<string, string>;
  return (selector ?? "")
    .split(",")
    .filter((term) => term !== "")
    .every((term) => {
      const [, key = "", operator, value] = /^([^!=]+)(!=|==?)?(.*)$/.exec(term) ?? [];
      if (operator === undefined) return key in labels;
      return operator === "!=" ? labels[key] !== value : labels[key] === value;
    });
}

/** "metadata.name=x" and "metadata.namespace=y". */
export function fieldSelects(selector: string | null, object: StoredObject): boolean {
  return (selector ?? "")
    .split(",")
    .filter((term) => term !== "")
    .every((term) => {
      const [field = "", value] = term.split("=");
      return object.metadata[field.replace(/^metadata\./, "")] === value;
    });
}
