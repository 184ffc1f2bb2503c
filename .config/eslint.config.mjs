/**
 * ESLint: types used soundly, and the rules of the house that can be seen in one function. Formatting is Biome's, the
 * direction of imports is dependency-cruiser's, whole files are test/tidy.test.ts's. Every `no-restricted-*` rule below is proved by test/unit/tidy.
 */
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";
import { noBytesSlice } from "./no-bytes-slice.mjs";

/** Deterministic code: no Node.js, no npm package, no clock, no luck, nothing asynchronous. */
const pure = [
  "node/raft/**/*.ts",
  "node/apply/**/*.ts",
  "operator/cluster/**/*.ts",
  "operator/resources/**/*.ts",
];
/** Folders on the way of a Put, where an options object per call would be paid for by every request. */
const hot = ["grpc", "rpc", "server", "apply", "mvcc", "proto", "wal", "backend"].map(
  (folder) => `node/${folder}/**/*.ts`,
);
/** Where the ports are implemented, and the rooms that have the platform as their subject. */
const platform = [
  "node/lib/platform/**/*.ts",
  "node/*.ts",
  "node/log/**",
  "node/client/**",
  "node/ctl/**",
];

const timeAndLuck = [
  { object: "Math", property: "random", message: "Luck comes through the Random port." },
  { object: "Date", property: "now", message: "Time comes through the Clock port." },
  { object: "performance", property: "now", message: "Time comes through the Clock port." },
  { object: "process", property: "hrtime", message: "Time comes through the Clock port." },
];
const timers = ["setTimeout", "setInterval", "setImmediate"].map((name) => ({
  name,
  message: "Timers come through the Timers port.",
}));
const currentDate = {
  selector: "NewExpression[callee.name='Date'][arguments.length=0]",
  message: "Time comes through the Clock port.",
};
const diskAndNetwork = [
  "fs",
  "fs/promises",
  "net",
  "dgram",
  "http",
  "https",
  "http2",
  "timers",
  "timers/promises",
];

export default defineConfig(
  { ignores: ["dist/", "coverage/", "**/generated/", "node_modules/"] },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: `${import.meta.dirname}/..` },
    },
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "@typescript-eslint/prefer-readonly": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
      "@typescript-eslint/strict-boolean-expressions": [
        "error",
        { allowNumber: false, allowString: false },
      ],
      "@typescript-eslint/no-confusing-void-expression": [
        "error",
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      "@typescript-eslint/no-unnecessary-condition": [
        "error",
        { allowConstantLoopConditions: "only-allowed-literals" },
      ],
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      // Ports promise a Promise; a twin in memory has nothing to wait for.
      "@typescript-eslint/require-await": "off",
      // With erasableSyntaxOnly there are no enums that could be meant; bit sets of numbers are compared on purpose.
      "@typescript-eslint/no-unsafe-enum-comparison": "off",
      eqeqeq: "error",
      "no-console": "error",
      "no-var": "error",
      "prefer-const": "error",
      "max-lines-per-function": ["error", { max: 70, skipBlankLines: true, skipComments: true }],
      "max-params": ["error", { max: 4 }],
    },
  },
  {
    // Relations between limits are asserted at start, also those that the types already know.
    files: ["**/limits.ts"],
    rules: { "@typescript-eslint/no-unnecessary-condition": "off" },
  },
  {
    files: ["node/**/*.ts"],
    plugins: { "etcd-ts": { rules: { "no-bytes-slice": noBytesSlice } } },
    rules: { "etcd-ts/no-bytes-slice": "error" },
  },
  { files: hot, rules: { "max-params": ["error", { max: 8 }] } },
  {
    files: ["node/**/*.ts"],
    ignores: platform,
    rules: {
      "no-restricted-properties": ["error", ...timeAndLuck],
      "no-restricted-globals": ["error", ...timers],
      "no-restricted-syntax": ["error", currentDate],
      "no-restricted-imports": [
        "error",
        {
          paths: diskAndNetwork.flatMap((name) =>
            [name, `node:${name}`].map((path) => ({
              name: path,
              message: "Use a port of lib/ports.ts.",
            })),
          ),
        },
      ],
    },
  },
  {
    // Files that somebody else changes are watched by their stat, which the Fs port has no need of; TLS is Node.js's own, on its own sockets.
    files: ["node/tls/**/*.ts"],
    rules: { "no-restricted-imports": "off" },
  },
  {
    // HTTP/1.1 is Node.js's own: its parser, put on a socket that the port has let go of, and its client between members.
    files: ["node/http/**/*.ts", "node/peer/**/*.ts"],
    rules: { "no-restricted-imports": "off" },
  },
  {
    files: pure,
    rules: {
      "no-restricted-globals": [
        "error",
        ...timers,
        ...[
          "process",
          "performance",
          "Buffer",
          "crypto",
          "fetch",
          "queueMicrotask",
          "Promise",
          "Atomics",
        ].map((name) => ({
          name,
          message: "This folder is pure.",
        })),
      ],
      "no-restricted-imports": [
        "error",
        { patterns: [{ regex: "^[^.]", message: "This folder is pure: only our own modules." }] },
      ],
      "no-restricted-syntax": [
        "error",
        currentDate,
        { selector: ":function[async=true]", message: "This folder is synchronous." },
        { selector: "AwaitExpression", message: "This folder is synchronous." },
      ],
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      // A describe block is a list of tests; node:test collects what these calls return.
      "max-lines-per-function": "off",
      "max-params": ["error", { max: 6 }],
      "@typescript-eslint/no-floating-promises": [
        "error",
        {
          allowForKnownSafeCalls: [
            {
              from: "package",
              package: "node:test",
              name: [
                "test",
                "it",
                "describe",
                "suite",
                "before",
                "after",
                "beforeEach",
                "afterEach",
              ],
            },
          ],
        },
      ],
      // What comes out of JSON.parse is judged by the assertions that follow.
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-misused-spread": "off",
      "@typescript-eslint/unbound-method": "off",
      "@typescript-eslint/no-confusing-void-expression": "off",
    },
  },
  {
    // Programs that talk to the person who started them.
    files: [
      "test/run.ts",
      "test/support/report.ts",
      "test/{sim,power,bench}/**/*.ts",
      "node/main.ts",
      "node/ctl/**/*.ts",
    ],
    rules: { "no-console": "off" },
  },
);
