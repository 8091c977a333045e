/** The line of a migration file that says: I know, and reviewed it. Only for the text that it stands in. */
export const ACKNOWLEDGEMENT = "-- deployer: breaks the previous release";

/** Read from the file's text: comments are no part of a statement. */
export function acknowledges(text: string): boolean {
  return text.split(/\r?\n/).some((line) => line.trim().toLowerCase() === ACKNOWLEDGEMENT);
}
