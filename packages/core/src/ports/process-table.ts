/** What identifies a process over the reuse of pids and over reboots. */
export interface ProcessIdentity {
  readonly pid: number;
  /** As the kernel counts it; only compared for equality. */
  readonly startTime: string;
  readonly bootId: string;
}

export interface OpenFile {
  /** The real path at this moment; ends in " (deleted)" when the name is gone. */
  readonly path: string;
  readonly device: number;
  readonly inode: number;
  /** Opened so that it can be written to. */
  readonly writable: boolean;
}

/**
 * The processes of this machine: `/proc`. What another user's process hides reads as `undefined` or an empty list.
 */
export interface ProcessTable {
  pids(): Promise<number[]>;
  identity(pid: number): Promise<ProcessIdentity | undefined>;
  /** Alive and the very same process. A zombie is not alive. */
  isAlive(identity: ProcessIdentity): Promise<boolean>;
  workingDirectory(pid: number): Promise<string | undefined>;
  /** The environment the process was started with. */
  environment(pid: number): Promise<Readonly<Record<string, string>> | undefined>;
  openFiles(pid: number): Promise<OpenFile[]>;
  /** Where the process has TCP connections open to, as "10.0.0.5:5432"; not those that others opened to it. */
  connections(pid: number): Promise<string[]>;
  children(pid: number): Promise<number[]>;
  parent(pid: number): Promise<number | undefined>;
  /** Sends a signal to one pid; does nothing when it is gone. */
  signal(pid: number, name: "SIGTERM" | "SIGKILL" | "SIGINT" | "SIGCONT"): void;
}
