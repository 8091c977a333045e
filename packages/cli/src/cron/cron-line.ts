import { accessSync, constants, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";

export interface CronLineOptions {
  /** The environment of the shell in which it was asked for. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The Node that runs, its real path. */
  readonly execPath: string;
  /** The command as it was called, such as /usr/local/bin/deployer. */
  readonly command: string;
  readonly config: string;
  readonly env: string | undefined;
}

const PROGRAMS = ["node", "npm", "pnpm", "yarn", "bun", "git", "pm2"];

/**
 * A line for a crontab that checks each minute. Cron knows neither this shell's PATH nor its folder, so every path is
 * full, and all that is needed stands in the line: it changes nothing for the others of the crontab.
 */
export function cronLine({ environment, execPath, command, config, env }: CronLineOptions): string {
  const path = environment.PATH ?? "";
  const node = find("node", path);
  const variables = [
    `PATH=${quote(neededPath(path))}`,
    // Another PM2_HOME is another daemon.
    ...(environment.PM2_HOME ? [`PM2_HOME=${quote(environment.PM2_HOME)}`] : []),
  ];
  const words = [
    // By the link that an upgrade leads elsewhere, where there is one to this Node.
    node !== undefined && realpathSync(node) === execPath ? node : execPath,
    command,
    ...["check", "--quiet", "--config", config],
    ...(env === undefined ? [] : ["--env", env]),
  ];
  // To cron a percent sign ends the line.
  return `* * * * * ${[...variables, ...words.map(quote)].join(" ").replaceAll("%", "\\%")}`;
}

/** Where the programs of a deployment are found, in the order of PATH, and the folders that every system has. */
function neededPath(path: string): string {
  const used = new Set(PROGRAMS.flatMap((program) => folderOf(program, path) ?? []));
  const folders = path.split(delimiter).filter((folder) => used.has(folder));
  return [...new Set([...folders, "/usr/local/bin", "/usr/bin", "/bin"])].join(delimiter);
}

function find(program: string, path: string): string | undefined {
  const folder = folderOf(program, path);
  return folder === undefined ? undefined : join(folder, program);
}

/** Only absolute folders: cron starts elsewhere. */
function folderOf(program: string, path: string): string | undefined {
  return path.split(delimiter).find((folder) => folder.startsWith("/") && isExecutable(join(folder, program)));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
