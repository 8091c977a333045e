import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../testing/index.ts";
import { knownSecrets } from "./known-secrets.ts";
import { redactor, redactorFor, redactValue } from "./redact.ts";
import { isSecretName } from "./secret-names.ts";

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

describe("what is secret by the form in which it is written", () => {
  const redact = redactor({});

  it.each([
    ["postgres://shop:p@ss:w/rd@db.internal:5432/shop", "postgres://shop:[redacted]@db.internal:5432/shop"],
    ["redis://:hunter2@cache:6379", "redis://:[redacted]@cache:6379"],
    ["one https://a:b@c/x, two https://d:e@f/y", "one https://a:[redacted]@c/x, two https://d:[redacted]@f/y"],
    ["GET /api?access_token=abc123&page=2", "GET /api?access_token=[redacted]&page=2"],
    ["//registry.npmjs.org/:_authToken=abc+/=", "//registry.npmjs.org/:_authToken=[redacted]"],
    ["//npm.example.org/:_password=aHVudGVyMg==", "//npm.example.org/:_password=[redacted]"],
    ["curl -H 'Authorization: Bearer abc.def-1'", "curl -H 'Authorization: Bearer [redacted]'"],
    ['{"authorization":"Basic bWU6aHVudGVyMg=="}', '{"authorization":"[redacted]"}'],
    ["sent Bearer eyJhbGciOi1 to it", "sent Bearer [redacted] to it"],
    ["Set-Cookie: session=abc; Path=/", "Set-Cookie: [redacted]"],
    ["DB_PASS=a&b, c;d", "DB_PASS=[redacted]"],
    ["export SMTP_PWD='x y'", "export SMTP_PWD=[redacted]"],
    [
      "with DB_PASS=abc SENTRY_DSN=https://k@o1.example/1 NODE_ENV=test",
      "with DB_PASS=[redacted] SENTRY_DSN=[redacted] NODE_ENV=test",
    ],
    ["{ apiKey: 'abc', name: 'shop' }", "{ apiKey: '[redacted]', name: 'shop' }"],
    ['"GITHUB_PAT": "ab\\"c", "port": "3000"', '"GITHUB_PAT": "[redacted]", "port": "3000"'],
    ["GET url=http://x/?access_token=abc", "GET url=http://x/?access_token=[redacted]"],
    ["password: hunter2", "password: [redacted]"],
    ["mysql --password hunter2 --host db", "mysql --password [redacted] --host db"],
    ["mysql --password=hunter2 --host db", "mysql --password=[redacted] --host db"],
    ["pushed with ghp_abcdefghijklmnop1234", "pushed with [redacted]"],
    [
      "key:\n-----BEGIN PRIVATE KEY-----\nMIIEabc\nabc=\n-----END PRIVATE KEY-----\nnext",
      "key:\n-----BEGIN PRIVATE KEY-----\n[redacted]\n-----END PRIVATE KEY-----\nnext",
    ],
    [
      "MIIEvQIBADANBgkqhkiG\nabcdefghijklmnop=\n-----END RSA PRIVATE KEY-----\nnext",
      "[redacted]\n-----END RSA PRIVATE KEY-----\nnext",
    ],
  ])("%s becomes %s", (text, clean) => {
    expect(redact(text)).toBe(clean);
    expect(redact(clean)).toBe(clean);
  });

  it.each([
    "https://example.org:8080/a@b and ssh://git@host:2222/x",
    "git@example.org:me/shop.git",
    "Property 'accessToken' is missing in type 'User'; token: string; password: required",
    "> 12 | const token = await getToken(request);",
    "> 13 | <Input token={token} secret={`x`} onKey={press} key=$1 />",
    "SyntaxError: Unexpected token: } (12:3)",
    "TOKEN_TTL=3600 AUTH_TYPE=oauth2 SSH_AUTH_SOCK=/tmp/agent.sock",
    "NEXT_PUBLIC_API_KEY=pk_abc123 NEXTAUTH_URL=https://shop.example.org",
    'PWD=/srv/shop "private": true, "sortKey": "name", monkey=7',
    "Basic authentication is on; bearer tokens are accepted",
    "cookie: none",
    "headers: { authorization: auth }, sshKey: 'keys/shop_ed25519'",
    "added 512 packages, and audited 513 packages in 4s",
    "-----BEGIN CERTIFICATE-----",
    "sha512-abc123/def== integrity of /srv/shop/releases/20261120T184500Z-3f2a1bc",
  ])("leaves: %s", (text) => expect(redact(text)).toBe(text));
});

describe("what a shared env file and the config's variables hold", () => {
  const file = [
    "PORT=3000",
    "NODE_ENV=production",
    "SITE=https://shop.example.org",
    "REGION=eu-west-1",
    "FROM=info@shop.example",
    "DEBUG=true",
    "DATA=/srv/shop/data",
    "PIN=4711",
    "STRIPE=plainly9secret",
    "PHRASE='correct horse battery staple'",
    'NOTE="a long line of words only\nanother long line of words"',
    "SMTP_PASS=swordfish",
    'DATABASE_URL="postgres://shop:gr@vel/42@db/shop"',
    'KEY="-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBg\\n-----END PRIVATE KEY-----"',
    'LETTER="first line 1x2y3z\nsecond line 4a5b6c"',
    "export QUOTED='with $pecial ch4rs9'",
  ].join("\n");

  async function redactions(): Promise<
    { redact: (text: string) => string; lines(): (text: string) => string } & AsyncDisposable
  > {
    const folder = temporaryDirectory();
    writeFileSync(join(folder.path, ".env.production"), file);
    const environment = { PASSED: "passed-0n-v4lue", OTHER: "0ther-value-1" };
    const shared = { folder: folder.path, paths: ["data", ".env.production", ".env.gone"] };
    const made = redactorFor(knownSecrets({ environment, passed: ["PASSED"], shared }));
    return { ...made, [Symbol.asyncDispose]: folder.remove };
  }

  it("is masked wherever it is printed, each line of it", async () => {
    await using it = await redactions();
    for (const secret of [
      "plainly9secret",
      "correct horse battery staple",
      "a long line of words only",
      "another long line of words",
      "swordfish",
      "gr@vel/42",
      "MIIEvQIBADANBg",
      "first line 1x2y3z",
      "second line 4a5b6c",
      "with $pecial ch4rs9",
      "passed-0n-v4lue",
    ])
      expect(it.redact(`say ${secret}, please`), secret).toBe("say [redacted], please");
  });

  it("is masked as it stands in JSON and in an address, and an option's password, too", () => {
    const environment = { API_TOKEN: 'a"b\\c d9/é' };
    const options = [{ name: "git", options: { remote: "https://me:hunter2%21@host/x", sshKey: "~/.ssh/shop" } }];
    const redact = redactorFor(knownSecrets({ environment, options })).redact;
    expect(redact(JSON.stringify({ x: environment.API_TOKEN }))).toBe('{"x":"[redacted]"}');
    expect(redact(encodeURIComponent(environment.API_TOKEN))).toBe("[redacted]");
    expect(redact("hunter2%21 hunter2! ~/.ssh/shop me git")).toBe("[redacted] [redacted] ~/.ssh/shop me git");
  });

  it("is left where any text may hold it: small numbers, words, paths, hosts; and so is what is not passed on", async () => {
    await using it = await redactions();
    const text =
      "production true 3000 4711 https://shop.example.org eu-west-1 info@shop.example /srv/shop/data 0ther-value-1";
    expect(it.redact(text)).toBe(text);
  });

  it("is masked in both parts when two lines share it", async () => {
    await using it = await redactions();
    const clean = it.lines();
    expect([clean("got plainl"), clean("y9secret and"), clean("y9secret")]).toEqual([
      "got [redacted]",
      "[redacted] and",
      "y9secret",
    ]);
    expect(["swor", "", "df", "ish ok", "swor", "d"].map(it.lines())).toEqual([
      "[redacted]",
      "",
      "[redacted]",
      "[redacted] ok",
      "[redacted]",
      "[redacted]",
    ]);
  });

  it("a private key is masked line by line, though nobody knows it", async () => {
    await using it = await redactions();
    const lines = ["-----BEGIN RSA PRIVATE KEY-----", "MIIEow", "AbC/+9==", "-----END RSA PRIVATE KEY-----", "AbC9"];
    expect(lines.map(it.lines())).toEqual([lines[0], "[redacted]", "[redacted]", lines[3], "AbC9"]);
  });
});

it("a thousand values cost a log no more than a few do", () => {
  const value = (n: number): string => `s3cret-${n.toString(36)}-${(n * 7919).toString(36)}`;
  const redact = redactorFor(Array.from({ length: 1000 }, (_, n) => value(n))).redact;
  const line = `  ✓ test/cart.test.ts (12 tests) 48ms and ${value(500)} beside`;
  expect(redact(line)).toBe("  ✓ test/cart.test.ts (12 tests) 48ms and [redacted] beside");
  // One long line of what matches nearly: no form may take more than a pass over it.
  for (const part of ["token", "a.", "a@", "://a:", "A", "password=", "cookie: ", "x=1&"]) redact(part.repeat(20_000));
});

it.each([
  ...["NPM_TOKEN", "AWS_SECRET_ACCESS_KEY", "dbPassword", "apiKey", "API_KEY", "credentials", "DB_PASS", "MYSQL_PWD"],
  ...[
    "STRIPE_KEY",
    "SENTRY_DSN",
    "GITHUB_PAT",
    "SSH_PASSPHRASE",
    "SESSION_COOKIE",
    "_authToken",
    "_auth",
    "PGPASSWORD",
  ],
  ...["access_token", "client-secret", "PGPASS", "jwtSecret", "HASH_SALT"],
])("%s names a secret", (name) => expect(isSecretName(name)).toBe(true));

it.each([
  ...["PATH", "HOME", "monkey", "remote", "ref", "PWD", "key", "pass", "pat", "SSH_AUTH_SOCK", "TOKEN_TTL", "KEYBOARD"],
  ...["NEXT_PUBLIC_STRIPE_KEY", "PUBLIC_KEY", "SSL_KEY_FILE", "author", "PASSENGER_APP", "COMPASS"],
])("%s names none", (name) => expect(isSecretName(name)).toBe(false));

it("masks values by their names at any depth, and redacts all other text", () => {
  const redact = redactor({ NPM_TOKEN: "t0ken-of-npm" });
  const options = { remote: "https://a:b@c/d", deep: [{ apiKey: "k", n: 1, flag: null, note: "t0ken-of-npm" }] };
  expect(redactValue(options, redact)).toEqual({
    remote: "https://a:[redacted]@c/d",
    deep: [{ apiKey: "[redacted]", n: 1, flag: null, note: "[redacted]" }],
  });
});
