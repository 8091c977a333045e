import { StringDecoder } from "node:string_decoder";

/** What a person is shown of one line: in the log, on the terminal, in an error. */
const SHOWN_CHARACTERS = 16_384;

const CUT = " … [line cut here]";

/** A line that is too long ends with a remark that it was cut. */
export function cutLine(line: string, characters: number = SHOWN_CHARACTERS): string {
  return line.length <= characters ? line : line.slice(0, characters) + CUT;
}

/** Takes output as it comes and hands it on line by line; of one without end it holds no more than `characters`. */
export class OutputLines {
  readonly #decoder = new StringDecoder("utf8");
  readonly #characters: number;
  readonly #onLine: (line: string) => void;
  #line = "";

  constructor(characters: number, onLine: (line: string) => void) {
    this.#characters = characters;
    this.#onLine = onLine;
  }

  add(output: Buffer): void {
    const [first = "", ...lines] = this.#decoder.write(output).split("\n");
    this.#append(first);
    for (const line of lines) {
      this.#handOn();
      this.#append(line);
    }
  }

  /** The last line may lack its end. */
  end(): void {
    this.#append(this.#decoder.end());
    if (this.#line !== "") this.#handOn();
  }

  #append(text: string): void {
    // One character more than is held says that there was more.
    this.#line += text.slice(0, this.#characters + 1 - this.#line.length);
  }

  #handOn(): void {
    const line = this.#line.endsWith("\r") ? this.#line.slice(0, -1) : this.#line;
    this.#line = "";
    this.#onLine(cutLine(line, this.#characters));
  }
}
