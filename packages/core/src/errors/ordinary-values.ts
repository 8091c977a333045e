/** Below it a value would tear other text apart. */
const SHORTEST = 6;
const LONG = 16;

const SETTINGS = new Set(
  (
    "true false yes no on off null none undefined unset enabled disabled required optional default auto always never " +
    "production development staging preview testing test local localhost postgres postgresql mysql mariadb sqlite " +
    "redis memory file github gitlab google bearer basic digest cookie cookies session sessions jwt oauth oauth2 oidc " +
    "password secret token admin root public private string number boolean object strict lax sha256 sha512 hs256 rs256"
  ).split(" "),
);

const PATH = /^(~|\.{0,2})\/(?:[\w.@-]{1,40}\/)*[\w.@-]{0,40}$/;
const ROOTS = /^(~|\.{1,2}|\/(etc|home|var|tmp|usr|opt|srv|run|root|mnt|data|app|proc|dev|bin|lib|work))(\/|$)/;

/** A value that a secret name may have without its being one: a switch, a number, a path, an address of plain words. */
export function isSetting(value: string): boolean {
  if (value === "" || SETTINGS.has(value.toLowerCase()) || /^\d{0,5}$/.test(value)) return true;
  if (PATH.test(value) && ROOTS.test(value)) return true;
  return /^https?:\/\/[^@]*$/i.test(value) && isOrdinary(value);
}

/**
 * A value that other text may hold by chance: short, or made of words and small numbers only, as `production`, `3000`,
 * `eu-west-1`, `shop.example.org` and `info@shop.example` are. To mask it would turn a log into asterisks.
 */
export function isOrdinary(value: string): boolean {
  if (value.length < SHORTEST || SETTINGS.has(value.toLowerCase())) return true;
  if (PATH.test(value) && ROOTS.test(value)) return true;
  const strange = value.split(/[^\p{L}\p{N}]+/u).filter((part) => !isWord(part) && !/^\d{0,6}$/.test(part));
  // One like `v2` or `eu1` is still ordinary; several are the groups of a key.
  return strange.length === 0 || (strange.length === 1 && (strange[0] ?? "").length <= 4);
}

/**
 * A value that other text may hold although nobody printed it. A longer one without a dot, a slash or the like is no host,
 * path or address: whoever prints it has it from the file, though it be made of words.
 */
export function standsByChance(value: string): boolean {
  return isOrdinary(value) && (value.length < LONG || /[./@:]/.test(value));
}

/** Whether a value of a secret name is worth looking for elsewhere. */
export function isTooShort(value: string): boolean {
  return value.length < SHORTEST;
}

/** One word, or some in one as a camel has humps. */
function isWord(text: string): boolean {
  return /^(\p{Lu}?\p{Ll}{1,24}|\p{Lu}{1,24}|\p{Ll}{2,}(\p{Lu}\p{Ll}{2,})+|(\p{Lu}\p{Ll}{2,}){2,})$/u.test(text);
}
