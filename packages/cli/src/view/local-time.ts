const MINUTE = 60_000;

/** A moment in the zone of this machine, which it names: "2026-11-25 17:00:03 +01:00". */
export function localTime(at: number): string {
  const offset = -new Date(at).getTimezoneOffset();
  const [day, time] = new Date(at + offset * MINUTE).toISOString().slice(0, 19).split("T");
  return `${day} ${time} ${zone(offset)}`;
}

function zone(offset: number): string {
  const minutes = Math.abs(offset);
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, "0"));
  return `${offset < 0 ? "-" : "+"}${hours}:${rest}`;
}
