/** What a log line says of a Range: keys and bounds as protobuf's text format has them (etcd prints RangeRequest.String()). A key may stand there, a value never does. */
import type { RangeRequestView } from "../proto/range-request.ts";
import { keyText } from "../server/entry-text.ts";

export function rangeText(request: RangeRequestView): string {
  const { buffer, keyStart, keyEnd, rangeEndStart, rangeEndEnd } = request;
  const { limit, revision, serializable, keysOnly, countOnly } = request;
  const parts = [`key:${keyText(buffer, keyStart, keyEnd)}`];
  if (rangeEndEnd > rangeEndStart)
    parts.push(`range_end:${keyText(buffer, rangeEndStart, rangeEndEnd)}`);
  if (limit !== 0) parts.push(`limit:${limit}`);
  if (revision !== 0) parts.push(`revision:${revision}`);
  if (serializable) parts.push("serializable:true");
  if (keysOnly) parts.push("keys_only:true");
  if (countOnly) parts.push("count_only:true");
  return parts.join(" ");
}
