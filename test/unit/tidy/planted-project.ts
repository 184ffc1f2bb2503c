/** A throw-away project with our tool configurations, in which tests plant violations. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const projectDir = resolve(import.meta.dirname, "../../..");

export function withPlantedProject(use: (dir: string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), "etcd-ts-planted-"));
  try {
    for (const name of ["package.json", "tsconfig.json", ".config"]) {
      cpSync(join(projectDir, name), join(dir, name), { recursive: true });
    }
    symlinkSync(join(projectDir, "node_modules"), join(dir, "node_modules"));
    use(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Writes a module that imports `imports` ("" for nothing); a relative target is planted too when it is not there. */
export function plant(dir: string, file: string, imports: string): void {
  write(dir, file, imports === "" ? "export const planted = 1;\n" : `import "${imports}";\n`);
  if (!imports.startsWith(".")) return;
  const target = join(dirname(file), imports);
  if (!existsSync(join(dir, target))) write(dir, target, "export const target = 1;\n");
}

export function write(dir: string, file: string, text: string): void {
  mkdirSync(join(dir, dirname(file)), { recursive: true });
  writeFileSync(join(dir, file), text);
}
