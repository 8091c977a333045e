import { leftFolders, nameRun } from "./temp-folders.ts";

/** Of the whole run: at its end no temp folder of it may be left. */
export default function setup(): () => void {
  nameRun();
  return () => {
    const left = leftFolders();
    if (left.length > 0) throw new Error(`The tests left temp folders: ${left.join(", ")} in /tmp`);
  };
}
