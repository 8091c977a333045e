import fs from "node:fs";
import path from "node:path";

/** The commit this release was made from: deployer writes it into the file `REVISION`. */
export function revision(): string {
  try {
    return fs.readFileSync(path.join(process.cwd(), "REVISION"), "utf8").trim();
  } catch {
    return process.env.DEPLOYER_REVISION ?? "unknown";
  }
}
