/** spec.maintenance: defragmentation and compaction by CronJobs, and when the cluster may be worked on. */
import { Type } from "typebox";
import { boolean, cron, group, integer, quantity, timeZone } from "../schema/fields.ts";
import { notServed } from "../schema/served.ts";

const window = group("When members may be rolled, moved and defragmented. Without it, always.", {
  schedule: cron("Beginning of the window, as five cron fields."),
  timeZone: timeZone(),
  durationMinutes: integer("Length of the window, in minutes.", { minimum: 10, maximum: 10_080 }),
});

/** What every schedule has. */
const scheduled = (timeoutSeconds: number) => ({
  schedule: cron("When, as five cron fields."),
  timeZone: timeZone(),
  isSuspended: boolean("Whether no new run is begun.", { default: false }),
  timeoutSeconds: integer("After which time a run is ended, in seconds.", {
    minimum: 60,
    maximum: 86_400,
    default: timeoutSeconds,
  }),
});

const need = group(
  "What a member must have to gain; otherwise it is left alone. Free bytes and free percent together, or the share of the quota alone.",
  {
    freeBytes: quantity("At least so much of the database file is free.", { default: "200Mi" }),
    freePercent: integer("And at least so much of it, in percent.", {
      minimum: 0,
      maximum: 100,
      default: 50,
    }),
    quotaPercent: integer("Or the file has grown to so much of the quota, in percent.", {
      minimum: 1,
      maximum: 100,
      default: 80,
    }),
  },
  { default: {} },
);

const defrag = group(
  "Defragmentation by the CronJob `<name>-defrag`: one member after the other, the leader last, and only while all members are healthy.",
  {
    ...scheduled(3600),
    need,
    pauseBetweenSeconds: integer("Pause between two members, in seconds.", {
      minimum: 0,
      maximum: 86_400,
      default: 30,
    }),
    maxP99Ms: integer(
      "The run stops when the 99th percentile of commits is above this between two members, in milliseconds.",
      { minimum: 1, maximum: 60_000, default: 500 },
    ),
    maxLeaderChanges: integer(
      "The run stops when the leader has changed more often than this since it began, its own moves of the leader not counted.",
      { minimum: 0, maximum: 100, default: 1 },
    ),
  },
);

const compaction = group(
  "Compaction of old revisions by the CronJob `<name>-compact`: up to the revision that the run before saw as the newest, if that was long enough ago. So the first run only looks, and the current revision always stays.",
  {
    ...scheduled(600),
    keepMinutes: integer(
      "Revisions of so many minutes stay. Watchers and paged lists that are further behind must begin anew.",
      { minimum: 5, maximum: 525_600, default: 5 },
    ),
    keepRevisions: integer("And at least so many of the newest revisions stay.", {
      minimum: 1,
      maximum: 1_000_000_000,
      default: 1000,
      format: "int64",
    }),
  },
);

export const maintenance = group("Recurring work on the cluster, by CronJobs.", {
  window: notServed(window),
  defrag: Type.Optional(defrag),
  compaction: Type.Optional(compaction),
  isSupervised: notServed(
    boolean("Whether each step of a roll waits for a person's go.", { default: false }),
  ),
});
