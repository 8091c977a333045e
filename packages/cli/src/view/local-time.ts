const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A moment in the zone of this machine, which it names: "2026-11-25 17:00:03 +01:00". */
export function localTime(at: number): string {
  const offset = -new Date(at).getTimezoneOffset();
  const [day, time] = new Date(at + offset * MINUTE).toISOString().slice(0, 19).split("T");
  return `${day} ${time} ${zone(offset)}`;
}

/** How long something took, in the unit that a person would name: "3 h". */
export function duration(milliseconds: number): string {
  if (milliseconds < MINUTE) return `${Math.max(0, Math.round(milliseconds / 1000))} s`;
  if (milliseconds < HOUR) return `${Math.floor(milliseconds / MINUTE)} min`;
  if (milliseconds < 2 * DAY) return `${Math.floor(milliseconds / HOUR)} h`;
  return `${Math.floor(milliseconds / DAY)} days`;
}

function zone(offset: number): string {
  const minutes = Math.abs(offset);
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, "0"));
  return `${offset < 0 ? "-" : "+"}${hours}:${rest}`;
}
