/** Time, so that tests can hold it. */
export interface Clock {
  /** Wall clock in milliseconds since 1970; may jump. For timestamps only. */
  now(): number;
  /** Milliseconds that only grow. For durations and deadlines. */
  elapsed(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
