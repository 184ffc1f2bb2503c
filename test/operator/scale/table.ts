/** The figures as a table: one column for each phase. */
import type { Figures } from "./phase.ts";

type Row = readonly [title: string, value: (figures: Figures) => string];

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

export function tableOf(phases: readonly Figures[], clusterCount: number): string {
  const perClusterMinute = (count: number, { minutes }: Figures): string =>
    (count / clusterCount / minutes).toFixed(2);
  const rows: readonly Row[] = [
    ["", ({ name }) => name],
    ["time", ({ minutes }) => `${minutes.toFixed(1)} min`],
    ["peak RSS", ({ peakRssBytes }) => mebibytes(peakRssBytes)],
    ["RSS at its end", ({ rssBytes }) => mebibytes(rssBytes)],
    ["JavaScript heap, most seen", ({ heapUsedBytes }) => mebibytes(heapUsedBytes)],
    ["processor, s a minute", ({ cpuSeconds, minutes }) => (cpuSeconds / minutes).toFixed(2)],
    ["open files and sockets", ({ openFiles }) => String(openFiles)],
    ["API server: reads", ({ api }) => String(api.reads)],
    ["API server: writes", ({ api }) => String(api.writes)],
    ["API server: watches begun", ({ api }) => String(api.watches)],
    ["API server: election's lease", ({ api }) => String(api.lease)],
    [
      "reads and writes, a minute and cluster",
      (figures) => perClusterMinute(figures.api.reads + figures.api.writes, figures),
    ],
    ["etcd calls", ({ etcdCalls }) => String(etcdCalls)],
    ["etcd calls, a minute and cluster", (figures) => perClusterMinute(figures.etcdCalls, figures)],
  ];
  const titleWidth = Math.max(...rows.map(([title]) => title.length));
  return rows
    .map(([title, value]) => {
      const cells = phases.map((figures) => value(figures).padStart(12));
      return `${title.padEnd(titleWidth)} ${cells.join(" ")}\n`;
    })
    .join("");
}
