/** Replaces secrets in text that came from outside or goes into a log. */
export type Redact = (text: string) => string;

const MASK = "[redacted]";

// user:password@ and token@ in URLs; the user name alone (git@host) is no secret.
const URL_PASSWORD = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s/@:]*):([^\s/@]+)@/gi;
const URL_TOKEN = /\b(https?:\/\/)([^\s/@:]{8,})@/gi;
const SECRET_NAME = /(TOKEN|SECRET|PASSWORD|PASSWD|PRIVATE|CREDENTIAL|API_?KEY|ACCESS_?KEY|AUTH(?!OR))/i;

/** Whether a variable or option of this name holds a secret, as far as a name can tell. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** A redactor for URLs with credentials and for the values of variables whose names say that they are secret. */
export function redactor(environment: Readonly<Record<string, string | undefined>>): Redact {
  const values = Object.entries(environment)
    .filter(([name, value]) => isSecretName(name) && value !== undefined && value.length >= 6 && !value.startsWith("/"))
    .map(([, value]) => value as string)
    .sort((a, b) => b.length - a.length);
  return (text) => {
    let clean = text.replace(URL_PASSWORD, `$1$2:${MASK}@`).replace(URL_TOKEN, `$1${MASK}@`);
    for (const value of values) clean = clean.replaceAll(value, MASK);
    return clean;
  };
}

/** A copy of plain JSON in which the values of secret names are masked and text is redacted. */
export function redactValue(value: unknown, redact: Redact): unknown {
  if (typeof value === "string") return redact(value);
  if (Array.isArray(value)) return value.map((item) => redactValue(item, redact));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      isSecretName(name) && typeof item === "string" ? MASK : redactValue(item, redact),
    ]),
  );
}
