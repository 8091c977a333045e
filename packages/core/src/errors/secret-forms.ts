import { isOrdinary } from "./ordinary-values.ts";
import { isSecret } from "./secret-names.ts";

export const MASK = "[redacted]";

// user:password@ and token@ in addresses; the user name alone (git@host) is no secret. A password may hold @, : and /,
// so it reaches to the last @ before something like a host; what looks like a port is none.
const URL_PASSWORD =
  /\b([a-z][a-z0-9+.-]{0,30}:\/\/)([^\s/:"'`<>]{0,200}):(?!\d{1,5}(?:[/?#\s]|$))((?:(?!:\/\/)[^\s"'`<>]){1,500})@(?=[\w[])/gi;
const URL_TOKEN = /\b(https?:\/\/)([^\s/@:]{8,})@/gi;

const PEM = /(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----)(?=\s*[^\s-])[\s\S]*?(-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g;
/** Of a block whose beginning is not there, as in the last lines of an output. */
const PEM_END = /(?:^[ \t]*[A-Za-z0-9+/=]{16,}[ \t]*\r?\n)+(?=[ \t]*-----END [A-Z ]{0,40}PRIVATE KEY-----)/gm;

const HEADER =
  /\b((?:proxy-)?authorization["']?\s{0,4}[:=]\s{0,4}["']?)((?:basic|bearer|digest|token|negotiate)\s+)?([^\s"',;(){}]{4,})/gi;
const SCHEME = /\b((?:bearer|basic)\s+)([\w.~+/=-]{6,})/gi;
const COOKIE = /\b((?:set-)?cookie["']?\s{0,4}:\s{0,4}["']?)([^\s=;"']+=[^\r\n"']*)/gi;

/** Tokens that their issuers made to be known by how they begin. */
const KNOWN_TOKEN =
  /\b(?:gh[pousr]_\w{16,}|github_pat_\w{20,}|glpat-[\w-]{16,}|npm_\w{30,}|xox[abprs]-[\w-]{10,}|[sr]k_(?:live|test)_\w{10,}|AKIA[0-9A-Z]{16}|eyJ[\w-]{10,}\.[\w-]{10,}(?:\.[\w-]*)?)/g;

/** A line of `printenv` or of `.npmrc`: the value is the rest of it. */
const WHOLE_LINE = /^(\s*(?:export\s+)?(?:[A-Z_][A-Z0-9_]*|\/\/\S{1,200}:_\w{1,40})=)(\S[^\r\n]*)/gm;
/** `name=value`, `"name": "value"`, `name: value`, `name = "value"`. */
const ASSIGNMENT =
  /(?<![\w.$-])([\w.-]{2,64})["']?(=|\s?:\s{0,4}|\s=\s(?=["'`]))("(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*'|[^\s"'`,;&(){}[\]<>|]+)/g;
const FLAG = /(?<![\w-])(--[\w-]{2,64}\s)([^\s-]\S*)/g;

/** Masks what is secret by the form in which it is written. */
export function redactForms(text: string): string {
  let clean = text;
  if (clean.includes("PRIVATE KEY-----")) clean = clean.replace(PEM, `$1\n${MASK}\n$2`).replace(PEM_END, `${MASK}\n`);
  if (clean.includes("://")) clean = clean.replace(URL_PASSWORD, `$1$2:${MASK}@`).replace(URL_TOKEN, `$1${MASK}@`);
  clean = clean
    .replace(HEADER, (whole, start: string, scheme: string | undefined, value: string) =>
      scheme === undefined && isOrdinary(value) ? whole : `${start}${scheme ?? ""}${MASK}`,
    )
    .replace(SCHEME, (whole, scheme: string, value: string) => (isOrdinary(value) ? whole : `${scheme}${MASK}`))
    .replace(COOKIE, `$1${MASK}`)
    .replace(KNOWN_TOKEN, MASK)
    .replace(WHOLE_LINE, (whole, start: string, value: string) =>
      isSecret(nameOf(start), unquoted(value)) ? `${start}${MASK}` : whole,
    )
    .replace(FLAG, (whole, flag: string, value: string) =>
      isSecret(flag.trim(), value) && !isOrdinary(value) ? `${flag}${MASK}` : whole,
    );
  return redactAssignments(clean);
}

/** One by one, because what stands under a harmless name may hold another: `url=https://x?token=y`. */
function redactAssignments(text: string): string {
  let clean = "";
  let from = 0;
  ASSIGNMENT.lastIndex = 0;
  for (let match = ASSIGNMENT.exec(text); match !== null; match = ASSIGNMENT.exec(text)) {
    const [whole, name = "", operator = "", value = ""] = match;
    const end = match.index + whole.length;
    const start = end - value.length;
    ASSIGNMENT.lastIndex = start;
    if (!isAssignedSecret(name, operator, value, text[end])) continue;
    const quote = /^["']/.exec(value)?.[0] ?? "";
    clean += `${text.slice(from, start)}${quote}${MASK}${quote}`;
    from = end;
    ASSIGNMENT.lastIndex = end;
  }
  return from === 0 ? text : clean + text.slice(from);
}

function isAssignedSecret(name: string, operator: string, value: string, next: string | undefined): boolean {
  if (/^["']/.test(value)) return isSecret(name, value.slice(1, -1));
  // Source code is printed, too: a call, a variable, a type.
  if (/^[$%]/.test(value) || next === "(" || value === MASK || !isSecret(name, value)) return false;
  return operator === "=" || !isOrdinary(value);
}

function nameOf(start: string): string {
  return /(\w+)=$/.exec(start)?.[1] ?? "";
}

function unquoted(value: string): string {
  return /^(["'])(.*)\1$/.exec(value)?.[2] ?? value;
}
