export { nodeErrors } from "./errors.ts";
export { node, node as default } from "./node.ts";
export { type NodeOptions, nodeOptionsSchema } from "./options.ts";
