import { knownSecrets } from "./known-secrets.ts";
import { MASK, redactForms } from "./secret-forms.ts";
import { isSecret } from "./secret-names.ts";
import { type Found, valueFinder } from "./secret-values.ts";

/** Replaces secrets in text that came from outside or goes into a log. */
export type Redact = (text: string) => string;

export interface Redactor {
  readonly redact: Redact;
  /** For the lines of one output, one after another: it remembers what a line has begun. */
  lines(): Redact;
}

/** A redactor for these values, and for whatever is secret by its form: addresses, headers, assignments, keys. */
export function redactorFor(values: Iterable<string>): Redactor {
  const find = valueFinder(values);
  const redact: Redact = (text) => redactForms(masked(text, find(text)));
  return { redact, lines: () => lineRedactor(find) };
}

/** For errors before a config is known: what is secret in the deployer's own environment, and by its form. */
export function redactor(environment: Readonly<Record<string, string | undefined>>): Redact {
  return redactorFor(knownSecrets({ environment })).redact;
}

/** A copy of plain JSON in which the values of secret names are masked and text is redacted. */
export function redactValue(value: unknown, redact: Redact): unknown {
  if (typeof value === "string") return redact(value);
  if (Array.isArray(value)) return value.map((item) => redactValue(item, redact));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      typeof item === "string" && isSecret(name, item) ? MASK : redactValue(item, redact),
    ]),
  );
}

const PEM_BEGIN = /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----/;
const PEM_END = /-----END [A-Z ]{0,40}PRIVATE KEY-----/;
const PEM_LINE = /^\s*[A-Za-z0-9+/=]+\s*$/;
/** The longest that a key is; what comes later is no part of it. */
const PEM_LINES = 200;

function lineRedactor(find: (text: string) => Found): Redact {
  let rest: string | undefined;
  let linesOfKey = 0;
  return (line) => {
    const begun = rest?.startsWith(line.slice(0, rest.length)) ? rest.slice(0, line.length) : "";
    const found = find(line.slice(begun.length));
    rest = begun === line && rest !== undefined && rest.length > line.length ? rest.slice(line.length) : found.rest;
    const isOfKey = linesOfKey > 0 && PEM_LINE.test(line);
    linesOfKey = PEM_END.test(line) ? 0 : PEM_BEGIN.test(line) ? PEM_LINES : Math.max(0, linesOfKey - 1);
    if (isOfKey) return MASK;
    if (linesOfKey === PEM_LINES && line.trim().endsWith("-----")) return line;
    return redactForms(`${begun === "" ? "" : MASK}${masked(line.slice(begun.length), found)}`);
  };
}

function masked(text: string, { places }: Found): string {
  let clean = "";
  let from = 0;
  for (const [start, end] of places) {
    clean += text.slice(from, start) + MASK;
    from = end;
  }
  return from === 0 ? text : clean + text.slice(from);
}
