/** The one file that is read before there is a member, and before there are ports: what the user wrote. */
import { readFileSync } from "node:fs";

/** As UTF-8. Throws the system's Error, which names the path. */
export const readText = (path: string): string => readFileSync(path, "utf8");
