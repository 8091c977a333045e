// What programs need to find themselves, the network and the terminal. Nothing in it is a secret of the deployer.
const PASSED = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "LANG",
  "LANGUAGE",
  "TZ",
  "TMPDIR",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "GIT_SSH_COMMAND",
  "GIT_SSH",
  "GIT_SSH_VARIANT",
  "XDG_CACHE_HOME",
  "XDG_CONFIG_HOME",
  "XDG_DATA_HOME",
];

/** The clean environment that commands start from: the list above, LC_*, and what `env` of the config names. */
export function cleanEnvironment(
  source: Readonly<Record<string, string | undefined>>,
  listed: readonly string[],
): Record<string, string> {
  const names = [...PASSED, ...listed, ...Object.keys(source).filter((name) => name.startsWith("LC_"))];
  return Object.fromEntries(names.flatMap((name) => (source[name] === undefined ? [] : [[name, source[name]]])));
}
