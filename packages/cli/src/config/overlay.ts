type Plain = Record<string, unknown>;

/**
 * A config with an environment's differences laid over it: arrays replace, except `plugins`, which merge by plugin;
 * objects merge. (c12's own merger concatenates arrays, which would make two git plugins of one.)
 */
export function overlay(base: unknown, over: unknown): unknown {
  if (over === undefined) return base;
  if (!isPlain(base) || !isPlain(over)) return over;
  const merged: Plain = { ...base };
  for (const [key, value] of Object.entries(over)) {
    merged[key] =
      key === "plugins" && Array.isArray(value) && Array.isArray(base[key])
        ? overlayPlugins(base[key], value)
        : overlay(base[key], value);
  }
  return merged;
}

function overlayPlugins(base: readonly unknown[], over: readonly unknown[]): unknown[] {
  const merged = base.map((entry) => {
    const match = over.find((other) => identity(other) === identity(entry));
    return match === undefined ? entry : withOptions(entry, overlay(options(entry), options(match)));
  });
  return [...merged, ...over.filter((entry) => !base.some((other) => identity(other) === identity(entry)))];
}

/** A text config names a module; a plugin made by its factory is known by that. */
function identity(entry: unknown): unknown {
  if (Array.isArray(entry)) return entry[0];
  return isPlain(entry) && "factory" in entry ? entry.factory : entry;
}

function options(entry: unknown): unknown {
  return Array.isArray(entry) ? entry[1] : isPlain(entry) ? entry.options : undefined;
}

function withOptions(entry: unknown, merged: unknown): unknown {
  if (Array.isArray(entry)) return [entry[0], merged];
  return isPlain(entry) ? { ...entry, options: merged } : merged === undefined ? entry : [entry, merged];
}

function isPlain(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
