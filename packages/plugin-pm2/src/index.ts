export { type Pm2ErrorCode, pm2Errors } from "./errors.ts";
export { type Pm2AppOptions, type Pm2Options, pm2OptionsSchema } from "./options.ts";
export { pm2, pm2 as default } from "./pm2.ts";
