/**
 * The space quota (etcd storage/quota.go; v3rpc/quota.go; server.go, applyEntryNormal): how much the store may hold, and the alarm NOSPACE that this
 * member raises for all when a request would exceed it. The store's size is what etcd's file would have: bytes in use, and those that compaction
 * has freed since the last defragmentation.
 *
 * It is asked twice. At the API it keeps requests out of the log. When an entry is applied it only decides what the one who asked is told: the
 * entry is executed on every member alike, whatever room each has.
 */

import { goSizeText } from "../lib/go-units.ts";
import type { Logger } from "../lib/ports.ts";
import type { MemberId } from "../lib/units.ts";
import type { Alarms } from "../membership/alarms.ts";
import { alarmAction, alarmType, encodeAlarmRequest } from "../proto/alarm-codec.ts";
import { internalRequest } from "../proto/internal-raft-codec.ts";
import type { Member } from "./member.ts";

/** etcd's DefaultQuotaBytes and MaxQuotaBytes. */
const quotaBytesDefault = 2 * 1024 ** 3;
const quotaBytesAdvised = 8 * 1024 ** 3;

export interface QuotaOptions {
  readonly id: MemberId;
  /** --quota-backend-bytes: 0 for the default, negative for no limit. */
  readonly quotaBackendBytes: number;
  readonly logger: Logger;
  /** What is stored, in use and freed. */
  readonly sizeBytes: () => number;
  readonly alarms: () => Alarms;
  readonly propose: Member["propose"];
}

export class Quota {
  private readonly options: QuotaOptions;
  /** Infinity for none. */
  private readonly limitBytes: number;
  /** Who waits for the alarm that was proposed; undefined when none is under way. */
  private waiting: (() => void)[] | undefined;

  constructor(options: QuotaOptions) {
    const { quotaBackendBytes, logger } = options;
    this.options = options;
    this.limitBytes = limitOf(quotaBackendBytes);
    logQuota(logger, quotaBackendBytes);
  }

  /** As Status and the metric tell it: a negative number for no limit. */
  get shownBytes(): number {
    const { limitBytes, options } = this;
    return limitBytes === Infinity ? options.quotaBackendBytes : limitBytes;
  }

  /** Whether `costBytes` more would exceed it. What costs nothing always passes. */
  isExceededBy(costBytes: number): boolean {
    return costBytes > 0 && this.options.sizeBytes() + costBytes >= this.limitBytes;
  }

  /**
   * Raises the alarm of this member, and calls `then` when it is applied, or when that has failed: the next request that exceeds the quota tries
   * again. It is proposed once for all that come meanwhile, and not again while it is raised.
   */
  raiseAlarm(then: () => void): void {
    const { id, alarms, propose } = this.options;
    const isRaised = alarms()
      .list(alarmType.noSpace)
      .some(({ memberId }) => memberId === id);
    if (isRaised) {
      then();
      return;
    }
    if (this.waiting !== undefined) {
      this.waiting.push(then);
      return;
    }
    this.waiting = [then];
    const message = encodeAlarmRequest({
      action: alarmAction.activate,
      memberId: id,
      alarm: alarmType.noSpace,
    });
    const settled = (): void => {
      const waiting = this.waiting ?? [];
      this.waiting = undefined;
      for (const run of waiting) run();
    };
    const proposer = { applied: settled, refused: settled };
    propose(internalRequest.alarm, message, 0, message.length, proposer);
  }

  /** An entry was applied that exceeds the quota here: `answer` tells who asked, once the alarm is raised. */
  exceeded(answer: () => void): void {
    const { logger, quotaBackendBytes } = this.options;
    if (this.waiting === undefined) {
      logger.warn("message exceeded backend quota; raising alarm", {
        "quota-size-bytes": quotaBackendBytes,
        "quota-size": goSizeText(quotaBackendBytes),
        error: "etcdserver: no space",
      });
    }
    this.raiseAlarm(answer);
  }
}

function limitOf(quotaBackendBytes: number): number {
  if (quotaBackendBytes === 0) return quotaBytesDefault;
  return quotaBackendBytes < 0 ? Infinity : quotaBackendBytes;
}

function logQuota(logger: Logger, quotaBackendBytes: number): void {
  const sized = (bytes: number) => ({
    "quota-name": "v3-applier",
    "quota-size-bytes": bytes,
    "quota-size": goSizeText(bytes),
  });
  if (quotaBackendBytes < 0) {
    logger.warn("disabled backend quota", {
      "quota-name": "v3-applier",
      "quota-size-bytes": quotaBackendBytes,
    });
    return;
  }
  if (quotaBackendBytes === 0) {
    logger.info("enabled backend quota with default value", sized(quotaBytesDefault));
    return;
  }
  if (quotaBackendBytes > quotaBytesAdvised) {
    logger.warn("quota exceeds the maximum value", {
      ...sized(quotaBackendBytes),
      "quota-maximum-size-bytes": quotaBytesAdvised,
      "quota-maximum-size": goSizeText(quotaBytesAdvised),
    });
  }
  logger.info("enabled backend quota", sized(quotaBackendBytes));
}
