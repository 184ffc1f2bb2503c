/** Options of single features, most of which were experimental on etcd once. */
import { durationOption, integer, integerOption, orDefault } from "./option.ts";

export const featureOptions = {
  "compaction-batch-limit": integerOption({
    default: 1000,
    help: "records that a compaction looks at in one go; 0 for the default",
    parse: orDefault(1000, integer({ min: 0 })),
  }),
  "watch-progress-notify-interval": durationOption({
    default: 0,
    defaultText: "0, which stands for 10m",
    help: "how often a quiet watch that asked for it is told how far it is; at least 100ms",
  }),
  "warning-apply-duration": durationOption({
    default: 100,
    defaultText: "100ms",
    help: "time after which the application of a request is logged as slow",
  }),
  "bootstrap-defrag-threshold-megabytes": integerOption({
    default: 0,
    placeholder: "MB",
    defaultText: "0, which stands for never",
    help: "at the start, defragment in the background when the disk has at least so much to give back",
  }),
  "max-learners": integerOption({
    default: 1,
    help: "learners that the cluster may have at a time",
  }),
  "compaction-sleep-interval": durationOption({
    default: 10,
    defaultText: "10ms",
    help: "pause of a compaction between two batches of records",
  }),
  "snapshot-catchup-entries": integerOption({
    default: 5000,
    parse: orDefault(5000, integer({ min: 0 })),
    help: "entries kept in memory behind a mark of --snapshot-count; 0 for the default",
  }),
};
