/** spec.backup: when snapshots are taken, where they go, and how they are proved. */
import { Type } from "typebox";
import { boolean, cron, group, integer, list, matching, text, timeZone } from "../schema/fields.ts";
import { objectStore } from "./object-store.ts";

const retention = group(
  "Which backups of this schedule are kept. The newest one always is.",
  {
    keep: integer("How many.", { minimum: 1, maximum: 10_000, default: 7 }),
    maxAgeDays: Type.Optional(
      integer("Older ones are deleted, in days, even if fewer than `keep` are left.", {
        minimum: 1,
        maximum: 36_500,
      }),
    ),
  },
  { default: {} },
);

const schedule = group("Backups at a schedule.", {
  name: text("Name of the schedule, which stands in the names of its backups.", {
    maxLength: 20,
    minLength: 1,
    rules: [
      matching("[a-z0-9]([-a-z0-9]*[a-z0-9])?", "must be lower-case letters, digits and '-'"),
    ],
  }),
  schedule: cron("When, as five cron fields."),
  timeZone: timeZone(),
  retention,
  isSuspended: boolean("Whether no new backup is begun.", { default: false }),
});

const verify = group(
  "Proof of backups: one is restored into a member of its own, and hashes are compared.",
  {
    schedule: cron("When the newest backup is proved, as five cron fields."),
    timeZone: timeZone(),
  },
);

export const backup = group("Backups of the cluster.", {
  store: objectStore("Where backups go."),
  schedules: list("When backups are taken.", schedule, {
    maxItems: 8,
    minItems: 1,
    keys: ["name"],
  }),
  verify: Type.Optional(verify),
  timeoutSeconds: integer("After which time a backup has failed, in seconds.", {
    minimum: 10,
    maximum: 86_400,
    default: 900,
  }),
});
