/** spec.maintenance: when the cluster may be worked on, defragmentation and compaction. */
import { Type } from "typebox";
import { boolean, cron, group, integer, quantity, timeZone } from "../schema/fields.ts";

const window = group("When members may be rolled, moved and defragmented. Without it, always.", {
  schedule: cron("Beginning of the window, as five cron fields."),
  timeZone: timeZone(),
  durationMinutes: integer("Length of the window, in minutes.", { minimum: 10, maximum: 10_080 }),
});

const need = group(
  "A member is left alone unless it has this much to gain.",
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

const defrag = group("Defragmentation: one member after the other, the leader last.", {
  schedule: cron("When, as five cron fields."),
  timeZone: timeZone(),
  need,
  pauseBetweenSeconds: integer("Pause between two members, in seconds.", {
    minimum: 0,
    maximum: 86_400,
    default: 30,
  }),
  maxP99Ms: Type.Optional(
    integer("The 99th percentile of commits above which it pauses, in milliseconds.", {
      minimum: 1,
      maximum: 60_000,
    }),
  ),
});

const compaction = group(
  "Compaction of old revisions by the operator, at a schedule.",
  {
    schedule: cron("When, as five cron fields."),
    timeZone: timeZone(),
    keepRevisions: Type.Optional(
      integer("So many of the newest revisions stay.", {
        minimum: 0,
        maximum: 1_000_000_000,
        format: "int64",
      }),
    ),
    keepMinutes: Type.Optional(
      integer("Revisions of so many minutes stay.", { minimum: 1, maximum: 525_600 }),
    ),
  },
  {
    rules: [
      {
        rule: "has(self.keepRevisions) != has(self.keepMinutes)",
        message: "set either keepRevisions or keepMinutes",
      },
    ],
  },
);

export const maintenance = group("Recurring work on the cluster.", {
  window: Type.Optional(window),
  defrag: Type.Optional(defrag),
  compaction: Type.Optional(compaction),
  isSupervised: boolean("Whether each step of a roll waits for a person's go.", {
    default: false,
  }),
});
