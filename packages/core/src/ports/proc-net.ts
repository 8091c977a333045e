// States in the kernel's table of TCP sockets (include/net/tcp_states.h).
const ESTABLISHED = "01";
const LISTENING = "0A";

interface Row {
  readonly local: string;
  readonly remote: string;
  readonly state: string;
  readonly inode: string;
}

/**
 * Where sockets of `/proc/<pid>/net/tcp` and `tcp6` lead to, each once, as "10.0.0.5:5432" and "[2001:db8::1]:443"; not
 * those that somebody else opened to a port that is listened on.
 */
export function connectionsIn(table: string, isOwn: (inode: string) => boolean): string[] {
  const rows = table.split("\n").flatMap(rowOf);
  const ports = new Set(rows.filter(({ state }) => state === LISTENING).map(({ local }) => portOf(local)));
  const outgoing = rows.filter(
    ({ state, inode, local }) => state === ESTABLISHED && isOwn(inode) && !ports.has(portOf(local)),
  );
  return [...new Set(outgoing.map(({ remote }) => endpoint(remote)))];
}

function rowOf(line: string): Row[] {
  const [, local, remote, state, , , , , , inode] = line.trim().split(/\s+/);
  if (local === undefined || remote === undefined || state === undefined || inode === undefined) return [];
  return local.includes(":") ? [{ local, remote, state, inode }] : [];
}

function portOf(address: string): number {
  return Number.parseInt(address.slice(address.indexOf(":") + 1), 16);
}

// Each group of four bytes stands in the machine's own order, which is little-endian wherever Node runs today.
function endpoint(address: string): string {
  const bytes = Buffer.from(address.slice(0, address.indexOf(":")), "hex");
  for (let at = 0; at < bytes.length; at += 4) bytes.subarray(at, at + 4).reverse();
  const last = bytes.subarray(-4).join(".");
  const isMapped = bytes.length === 16 && bytes.subarray(0, 12).toString("hex") === "00000000000000000000ffff";
  if (bytes.length === 4 || isMapped) return `${last}:${portOf(address)}`;
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  // The URL parser writes it as people do.
  return `${new URL(`http://[${groups.join(":")}]`).hostname}:${portOf(address)}`;
}
