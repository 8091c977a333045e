export { gitErrors } from "./errors.ts";
export { default, git } from "./git.ts";
export { type GitOptions, gitOptionsSchema } from "./options.ts";
