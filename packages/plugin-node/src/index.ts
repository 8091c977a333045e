export { nodeErrors } from "./errors.ts";
export { default, node } from "./node.ts";
export { type NodeOptions, nodeOptionsSchema } from "./options.ts";
