import { join } from "node:path";

/**
 * The path of what lies directly in a folder. Names come from plugins, from the store and from the disk; one that leads
 * elsewhere must reach nothing that removes or renames.
 */
export function childOf(folder: string, name: string): string {
  if (name === "" || name === "." || name === ".." || /[/\0]/.test(name))
    throw new Error(`${JSON.stringify(name)} is no name of anything directly in ${folder}; nothing was touched`);
  return join(folder, name);
}
