import { isOrdinary, isSetting } from "./ordinary-values.ts";

const SECRET_WORDS =
  /token|secret|passwd|password|passphrase|private|credential|api_?key|access_?key|authorization|cookie/i;

/** Names that end so are secret, when there is more of the name: `DB_PASS` is, `pass` alone is a verb. */
const SECRET_ENDINGS = new Set(["pass", "pwd", "key", "keys", "pat", "dsn", "auth", "salt", "psk", "jwt", "pem"]);
const PUBLIC_START = /^(next_public|vite|public|nuxt_public|react_app|expo_public)_/i;
const PUBLIC_WORDS = /public_?key|publishable|^ssh_?key$/i;
/** What names a thing beside the secret. */
const HARMLESS_ENDINGS = new Set([
  "file",
  "path",
  "dir",
  "sock",
  "name",
  "ttl",
  "age",
  "type",
  "algorithm",
  "provider",
]);

/** Whether a variable or option of this name holds a secret, as far as a name can tell. */
export function isSecretName(name: string): boolean {
  if (PUBLIC_START.test(name) || PUBLIC_WORDS.test(name)) return false;
  const words = wordsOf(name);
  const last = words.at(-1) ?? "";
  if (HARMLESS_ENDINGS.has(last)) return false;
  if (SECRET_WORDS.test(name)) return true;
  const isMore = words.length > 1 || /^[_-]/.test(name);
  return (isMore && SECRET_ENDINGS.has(last)) || /^(PG|DB|MYSQL)PASS$/i.test(name);
}

/** Whether what stands under this name is one: not where it is a switch or a path, nor in `sortKey: "name"`. */
export function isSecret(name: string, value: string): boolean {
  if (!isSecretName(name) || isSetting(value)) return false;
  return SECRET_WORDS.test(name) || !/keys?$/i.test(name) || !isOrdinary(value);
}

/** `dbPassword`, `DB_PASSWORD` and `db-password` are the same two words. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);
}
