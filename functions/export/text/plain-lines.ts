// Lines of what ran without a terminal: as sent, without the sequences that would colour them or move a cursor.

/** Of a line without an end that much is waited for; then it is told as far as it came. */
const MAX_LINE = 16 * 1024;

// CSI, OSC and its like up to their ends, and other escapes of two characters (ECMA-48).
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken away
const SEQUENCES = /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]/g;

export class PlainLines {
  #rest: string;

  /** `rest`: of one that goes on. */
  constructor(rest = '') {
    this.#rest = rest;
  }

  /** Of the line that has no end yet. */
  get rest(): string {
    return this.#rest;
  }

  write(text: string): readonly string[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > MAX_LINE) {
      lines.push(this.#rest);
      this.#rest = '';
    }
    return lines.map(readable);
  }

  end(): readonly string[] {
    const rest = this.#rest;
    this.#rest = '';
    return rest === '' ? [] : [readable(rest)];
  }
}

/** Of what was written over within a line, by carriage returns, what stood there last. */
function readable(line: string): string {
  const plain = line.replace(SEQUENCES, '').replace(/\r+$/, '');
  return plain.slice(plain.lastIndexOf('\r') + 1);
}
