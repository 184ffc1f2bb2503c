/**
 * The one table of options that are served: flag, default, check and help of each. The environment variable follows from the flag (ETCD_ and
 * capitals), as on etcd. An option of etcd that is not in this table is refused by name (unserved.ts, gone.ts), never passed over.
 */
import { clusteringOptions } from "./options/clustering.ts";
import { featureOptions } from "./options/features.ts";
import { loggingOptions } from "./options/logging.ts";
import { memberOptions } from "./options/member.ts";
import { monitoringOptions } from "./options/monitoring.ts";
import type { Option } from "./options/option.ts";
import { securityOptions } from "./options/security.ts";
import { unsafeOptions } from "./options/unsafe.ts";

/** By the titles that etcd's help has. */
export const optionGroups: Readonly<Record<string, Readonly<Record<string, Option<unknown>>>>> = {
  Member: memberOptions,
  Clustering: clusteringOptions,
  Security: securityOptions,
  "Profiling and Monitoring": monitoringOptions,
  Logging: loggingOptions,
  Features: featureOptions,
  "Unsafe feature": unsafeOptions,
};

export const options = {
  ...memberOptions,
  ...clusteringOptions,
  ...securityOptions,
  ...monitoringOptions,
  ...loggingOptions,
  ...featureOptions,
  ...unsafeOptions,
};

export type OptionName = keyof typeof options;
export type RawOptions = { [Name in OptionName]: (typeof options)[Name]["default"] };

export const isOptionName = (name: string): name is OptionName => Object.hasOwn(options, name);

/** Of any option, as a row whose value nobody knows. */
export const optionOf = (name: OptionName): Option<unknown> => options[name];

export const environmentName = (name: string): string =>
  `ETCD_${name.toUpperCase().replaceAll("-", "_")}`;
