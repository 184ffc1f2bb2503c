/** -w table: frames of box-drawing characters, for the answers that are lists (etcdctl ctlv3/command/printer_table.go). */
import type { MemberList } from "../../client/cluster-results.ts";
import { CtlError, exitCode } from "../ctl-error.ts";
import type { Io } from "../process-io.ts";
import type { EndpointHashKv, EndpointStatus, Printer } from "./printer.ts";
import {
  type EndpointHealth,
  hashTable,
  healthTable,
  memberTable,
  statusTable,
  type Table,
} from "./rows.ts";

export class TablePrinter implements Printer {
  readonly #io: Pick<Io, "out">;

  constructor(io: Pick<Io, "out">) {
    this.#io = io;
  }

  memberList(result: MemberList): void {
    this.#io.out(tableText(memberTable(result)));
  }

  endpointHealth(list: readonly EndpointHealth[]): void {
    this.#io.out(tableText(healthTable(list)));
  }

  endpointStatus(list: readonly EndpointStatus[]): void {
    this.#io.out(tableText(statusTable(list)));
  }

  endpointHashKv(list: readonly EndpointHashKv[]): void {
    this.#io.out(tableText(hashTable(list)));
  }

  get = unsupported;
  put = unsupported;
  del = unsupported;
  txn = unsupported;
  watch = unsupported;
  leaseGrant = unsupported;
  leaseRevoke = unsupported;
  leaseRenewal = unsupported;
  leaseTimes = unsupported;
  leases = unsupported;
  memberAdd = unsupported;
  memberChange = unsupported;
  moveLeader = unsupported;
  alarms = unsupported;
}

function unsupported(): never {
  throw new CtlError(exitCode.badFeature, "table not supported as output format");
}

/** Heads stand in the middle, cells at the right; a cell of several lines makes its row higher. */
export function tableText({ head, rows }: Table): string {
  const cells = rows.map((row) => row.map((cell) => cell.split("\n")));
  const widths = head.map((title, column) =>
    Math.max(...[[title], ...cells.map((row) => row[column] ?? [])].flat().map(textWidth)),
  );
  const rule = (left: string, middle: string, right: string): string =>
    `${left}${widths.map((width) => "─".repeat(width + 2)).join(middle)}${right}\n`;
  const line = (texts: readonly string[]): string =>
    `│${texts.map((text) => ` ${text} `).join("│")}│\n`;

  const titles = head.map((title, column) => {
    const room = (widths[column] ?? 0) - textWidth(title);
    const before = Math.floor(room / 2);
    return `${" ".repeat(before)}${title}${" ".repeat(room - before)}`;
  });
  const lines = cells.flatMap((row) => {
    const height = Math.max(...row.map((cell) => cell.length));
    return Array.from({ length: height }, (_line, at) =>
      line(row.map((cell, column) => alignRight(cell[at] ?? "", widths[column] ?? 0))),
    );
  });
  return [
    rule("┌", "┬", "┐"),
    line(titles),
    ...(lines.length > 0 ? [rule("├", "┼", "┤"), ...lines] : []),
    rule("└", "┴", "┘"),
  ].join("");
}

const alignRight = (text: string, width: number): string =>
  `${" ".repeat(width - textWidth(text))}${text}`;

/** Columns of a terminal: East Asian characters and emoji take two, combining marks none. */
function textWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/^[\p{Mn}\p{Me}\p{Cf}]$/u.test(character)) continue;
    const isWide =
      /^[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]$/u.test(
        character,
      );
    width += isWide ? 2 : 1;
  }
  return width;
}
