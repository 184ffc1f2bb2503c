/**
 * Who may import whom. Floors are those of ARCHITECTURE.md: a folder imports what stands in its row, and itself; type
 * imports count. Each rule is proved on planted violations by test/unit/tidy/layers.test.ts.
 */
const path = require("node:path");

const floor0 = ["lib", "proto"];
const floor2 = ["wal", "snap", "backend"];
const floor3 = ["mvcc", "lease", "auth", "membership"];
const upTo2 = [...floor0, "raft", ...floor2];
const upTo5 = [...upTo2, ...floor3, "apply", "server"];
const upTo6 = [...upTo5, "grpc", "peer", "tls"];

/** Folder of node/ ▸ the folders it may import. Neighbours of a floor appear only where one is listed. */
const mayImport = {
  lib: [],
  proto: ["lib"],
  raft: floor0,
  wal: floor0,
  snap: floor0,
  backend: floor0,
  lease: upTo2,
  mvcc: [...upTo2, "lease"],
  auth: upTo2,
  membership: upTo2,
  apply: [...upTo2, ...floor3],
  server: upTo5,
  grpc: ["lib"],
  tls: ["lib"],
  log: ["lib"],
  peer: [...floor0, "membership"],
  concurrency: floor0,
  rpc: [...upTo6, "concurrency"],
  http: [...upTo6, "rpc"],
  config: [...upTo6, "log", "rpc", "http"],
  client: floor0,
  ctl: [...floor0, "client", "concurrency"],
};

/** The values that cross raft's border, which disk and network formats are written in. */
const raftTypes = "node/raft/types[.]ts";
const seesRaftTypes = [...floor2, "peer"];
/** What the network between members carries, and the interface that the server owns and the network implements. */
const peerContract = [
  "node/raft/messages[.]ts",
  "node/server/peer-transport[.]ts",
  "node/backend/backend-snapshot[.]ts",
  "node/backend/backend[.]ts",
];

const floors = Object.entries(mayImport).map(([folder, allowed]) => ({
  name: `floor-${folder}`,
  comment: `node/${folder} may import ${allowed.length === 0 ? "nothing of ours" : allowed.join(", ")}`,
  severity: "error",
  from: { path: `^node/${folder}/` },
  to: {
    path: "^node/",
    pathNot: [
      `^node/(${[folder, ...allowed].join("|")})/`,
      ...(seesRaftTypes.includes(folder) ? [`^${raftTypes}$`] : []),
      ...(folder === "peer" ? peerContract.map((file) => `^${file}$`) : []),
    ],
  },
}));

/** npm package ▸ the only place that may import it, so that it can be replaced there. Tests may import all of them. */
const doors = {
  "(level|classic-level|abstract-level)": "node/backend/level",
  protobufjs: "node/proto/",
  "@node-rs/crc32": "node/lib/crc32c[.]ts",
  "@grpc/grpc-js": "node/client/",
  "fs-native-extensions": "node/lib/platform/file-lock[.]ts",
  "prom-client": "(node/http/metric|operator/metrics[.]ts)",
  "@kubernetes/client-node": "operator/kernel/kube-config[.]ts",
  typebox: "operator/api/",
  "node-forge": "node/tls/x509/der[.]ts",
  pino: "node/log/",
  yaml: "node/config/",
};

const onlyThrough = Object.entries(doors).map(([name, door]) => ({
  name: `one-door-${name.replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "")}`,
  severity: "error",
  from: { path: "^(node|operator)/", pathNot: `^${door}` },
  to: { path: `(^|/)node_modules/${name}/` },
}));

module.exports = {
  forbidden: [
    {
      name: "no-circular",
      comment: "type imports may point back: they are gone when the code runs",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "no-orphans",
      severity: "error",
      from: { orphan: true, pathNot: ["[.]d[.]ts$", "^node/main[.]ts$", "^test/.*[.]test[.]ts$"] },
      to: {},
    },
    { name: "no-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
    ...floors,
    {
      name: "new-folder-needs-a-floor",
      severity: "error",
      from: { path: "^node/[^/]+/", pathNot: `^node/(${Object.keys(mayImport).join("|")})/` },
      to: {},
    },
    {
      name: "pure-core",
      comment: "raft, apply and the operator's plan see no Node.js and no npm package",
      severity: "error",
      from: { path: "^(node/(raft|apply)|operator/(cluster|resources))/" },
      to: { dependencyTypes: ["core", "npm", "npm-dev", "npm-optional", "npm-peer"] },
    },
    {
      name: "main-is-the-top",
      comment:
        "files that stand directly in node/ wire the folders together; no folder imports them",
      severity: "error",
      from: { path: "^(node/[^/]+|operator)/" },
      to: { path: "^node/[^/]+[.]ts$" },
    },
    {
      name: "node-knows-no-operator",
      severity: "error",
      from: { path: "^node/" },
      to: { path: "^operator/" },
    },
    {
      name: "operator-is-a-client",
      severity: "error",
      from: { path: "^operator/" },
      to: { path: "^node/", pathNot: "^node/(client|proto|tls/x509)/" },
    },
    {
      name: "operator-kernel-stands-alone",
      severity: "error",
      from: { path: "^operator/kernel/" },
      to: { path: "^(node|operator)/", pathNot: "^operator/kernel/" },
    },
    {
      name: "production-never-imports-test",
      severity: "error",
      from: { path: "^(node|operator)/" },
      to: { path: "^test/" },
    },
    {
      name: "no-dev-deps",
      severity: "error",
      from: { path: "^(node|operator)/" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    ...onlyThrough,
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^dist/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: path.join(__dirname, "../tsconfig.json") },
    enhancedResolveOptions: {
      extensions: [".ts", ".js"],
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
    },
  },
};
