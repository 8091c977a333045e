/** The stages in their order. `migrate` is the first that touches anything live. */
export const STAGES = [
  "detect",
  "prepare",
  "link",
  "build",
  "gate",
  "migrate",
  "activate",
  "cleanup",
  "rollback",
] as const;

export type StageName = (typeof STAGES)[number];
