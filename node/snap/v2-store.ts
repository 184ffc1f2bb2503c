/**
 * The membership as the JSON of etcd's v2 store: what etcd 3.7 still puts into a `.snap` file, so that a 3.6 can start from it
 * (etcdserver/cluster_util.go, GetMembershipInfoInV2Format; api/v2store). Only this JSON: there is no v2 store behind it.
 *
 * etcd makes it by replaying the membership into an empty store, one numbered event for each value; the same is done here, with
 * the members in ascending order (etcd takes them as its map gives them).
 */
import { fromText } from "../lib/bytes.ts";
import { idToHex, type MemberId } from "../lib/units.ts";

export interface V2Member {
  readonly id: MemberId;
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
  readonly name: string;
  /** Empty until the member has published itself. */
  readonly clientUrls: readonly string[];
}

export interface V2Membership {
  readonly members: readonly V2Member[];
  readonly removed: readonly MemberId[];
  /** "major.minor.0"; undefined until the leader has decided it. */
  readonly version: string | undefined;
}

/** Events that the store remembers for watchers. */
const historyCapacity = 1000;

export function encodeV2Store(membership: V2Membership): Uint8Array {
  const events = eventsOf(membership);
  const count = (action: Event["action"]): number =>
    events.filter((event) => event.action === action).length;
  const watcherHub = `{"EventHistory":${eventHistory(events)}}`;
  return fromText(
    `{"Root":${rootNode(events)},"WatcherHub":${watcherHub},"CurrentIndex":${events.length},` +
      `"Stats":${stats(count("create"), count("set"))},"CurrentVersion":2}`,
  );
}

/** A value that came into the store. */
interface Event {
  readonly action: "create" | "set";
  /** Names below the root. */
  readonly path: readonly string[];
  readonly value: string;
  readonly index: number;
}

function eventsOf({ members, removed, version }: V2Membership): Event[] {
  const events: Event[] = [];
  const add = (action: Event["action"], path: readonly string[], value: string): void => {
    events.push({ action, path, value, index: events.length + 1 });
  };
  for (const { id, peerUrls, isLearner, name, clientUrls } of members) {
    const at = ["0", "members", idToHex(id)];
    const raftAttributes = { peerURLs: peerUrls, ...(isLearner ? { isLearner } : {}) };
    add("create", [...at, "raftAttributes"], goJson(raftAttributes));
    if (clientUrls.length === 0) continue;
    const attributes = { ...(name === "" ? {} : { name }), clientURLs: clientUrls };
    add("set", [...at, "attributes"], goJson(attributes));
  }
  for (const id of removed) add("create", ["0", "removed_members", idToHex(id)], "");
  if (version !== undefined) add("set", ["0", "version"], version);
  return events;
}

interface Directory {
  readonly path: string;
  readonly index: number;
  readonly children: Map<string, Directory | Event>;
}

const newDirectory = (path: string, index: number): Directory => ({
  path,
  index,
  children: new Map(),
});

function rootNode(events: readonly Event[]): string {
  const root = newDirectory("/", 0);
  for (const name of ["0", "1"]) root.children.set(name, newDirectory(`/${name}`, 0));
  for (const event of events) {
    let directory = root;
    for (const [at, name] of event.path.slice(0, -1).entries()) {
      let next = directory.children.get(name) as Directory | undefined;
      if (next === undefined) {
        next = newDirectory(pathOf(event.path.slice(0, at + 1)), event.index);
        directory.children.set(name, next);
      }
      directory = next;
    }
    directory.children.set(event.path.at(-1) as string, event);
  }
  return directoryJson(root);
}

/** Go writes the keys of a map in order. */
function directoryJson({ path, index, children }: Directory): string {
  const names = [...children.keys()].sort();
  const members = names.map((name) => {
    const child = children.get(name) as Directory | Event;
    return `${goJson(name)}:${"children" in child ? directoryJson(child) : valueJson(child)}`;
  });
  return nodeJson(path, index, "", `{${members.join()}}`);
}

const valueJson = ({ path, index, value }: Event): string =>
  nodeJson(pathOf(path), index, value, "null");

const nodeJson = (path: string, index: number, value: string, children: string): string =>
  `{"Path":${goJson(path)},"CreatedIndex":${index},"ModifiedIndex":${index},` +
  `"ExpireTime":"0001-01-01T00:00:00Z","Value":${goJson(value)},"Children":${children}}`;

const pathOf = (names: readonly string[]): string => `/${names.join("/")}`;

/** A ring of the last events, with null where none came yet. */
function eventHistory(events: readonly Event[]): string {
  const size = Math.min(events.length, historyCapacity);
  const back = events.length % historyCapacity;
  const ring: string[] = new Array<string>(historyCapacity).fill("null");
  const kept = events.slice(events.length - size);
  for (const event of kept) ring[(event.index - 1) % historyCapacity] = eventJson(event);
  const front = events.length > historyCapacity ? back : 0;
  const queue = `{"Events":[${ring.join()}],"Size":${size},"Front":${front},"Back":${back},"Capacity":${historyCapacity}}`;
  return `{"Queue":${queue},"StartIndex":${kept[0]?.index ?? 0},"LastIndex":${events.length}}`;
}

const eventJson = ({ action, path, value, index }: Event): string =>
  `{"action":"${action}","node":{"key":${goJson(pathOf(path))},"value":${goJson(value)},"modifiedIndex":${index},"createdIndex":${index}}}`;

/** The one failed read is etcd's look at the empty store before it begins. */
const stats = (created: number, set: number): string =>
  JSON.stringify({
    getsSuccess: 0,
    getsFail: 1,
    setsSuccess: set,
    setsFail: 0,
    deleteSuccess: 0,
    deleteFail: 0,
    updateSuccess: 0,
    updateFail: 0,
    createSuccess: created,
    createFail: 0,
    compareAndSwapSuccess: 0,
    compareAndSwapFail: 0,
    compareAndDeleteSuccess: 0,
    compareAndDeleteFail: 0,
    expireCount: 0,
    watchers: 0,
  });

/** Go's encoding/json escapes what HTML or JavaScript would trip over. */
const goJson = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
