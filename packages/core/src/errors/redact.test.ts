import { describe, expect, it } from "vitest";
import { isSecretName, redactor, redactValue } from "./redact.ts";

describe("redaction", () => {
  const redact = redactor({
    NPM_TOKEN: "t0ken-of-npm",
    DB_PASSWORD: "t0ken-of-npm-and-more",
    SHORT_SECRET: "abc",
    SSH_AUTH_SOCK: "/tmp/agent.sock",
    PATH: "/usr/bin:/bin",
    EMPTY_TOKEN: undefined,
  });

  it.each([
    ["https://me:hunter2@example.org/shop.git", "https://me:[redacted]@example.org/shop.git"],
    ["https://ghp_0123456789@github.com/x", "https://[redacted]@github.com/x"],
    [
      "ssh://git:pw@host:22/x and again ssh://git:pw@host/x",
      "ssh://git:[redacted]@host:22/x and again ssh://git:[redacted]@host/x",
    ],
    ["git@example.org:me/shop.git", "git@example.org:me/shop.git"],
    ["https://example.org:8080/a@b", "https://example.org:8080/a@b"],
  ])("of the address %s leaves %s", (text, clean) => {
    expect(redact(text)).toBe(clean);
  });

  it("hides the values of variables whose names say that they are secret, the longest first", () => {
    expect(redact("npm: t0ken-of-npm, db: t0ken-of-npm-and-more.")).toBe("npm: [redacted], db: [redacted].");
  });

  it("leaves short values and paths: they would tear other text apart", () => {
    expect(redact("abc /tmp/agent.sock /usr/bin:/bin")).toBe("abc /tmp/agent.sock /usr/bin:/bin");
  });
});

it.each(["NPM_TOKEN", "AWS_SECRET_ACCESS_KEY", "dbPassword", "apiKey", "API_KEY", "credentials"])(
  "%s names a secret",
  (name) => expect(isSecretName(name)).toBe(true),
);

it.each(["PATH", "HOME", "monkey", "remote", "ref"])("%s names none", (name) => expect(isSecretName(name)).toBe(false));

it("masks values by their names at any depth, and redacts all other text", () => {
  const redact = redactor({ NPM_TOKEN: "t0ken-of-npm" });
  const options = { remote: "https://a:b@c/d", deep: [{ apiKey: "k", n: 1, flag: null, note: "t0ken-of-npm" }] };
  expect(redactValue(options, redact)).toEqual({
    remote: "https://a:[redacted]@c/d",
    deep: [{ apiKey: "[redacted]", n: 1, flag: null, note: "[redacted]" }],
  });
});
