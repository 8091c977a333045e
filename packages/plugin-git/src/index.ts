export { gitErrors } from "./errors.ts";
export { git, git as default } from "./git.ts";
export { type GitOptions, gitOptionsSchema } from "./options.ts";
