// Where a command's answer goes. Plain mode is for people, `--json` for scripts; both print data
// only through terminal-text.ts.

import { cut, json, line, width } from './terminal-text.ts';

export interface Terminal {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
const CODES: Readonly<Record<Style, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

export class Output {
  readonly json: boolean;
  readonly isTerminal: boolean;
  readonly #terminal: Terminal;
  readonly #colour: boolean;

  constructor(terminal: Terminal, asJson: boolean) {
    this.json = asJson;
    this.#terminal = terminal;
    this.isTerminal = terminal.stdout.isTTY === true;
    // https://no-color.org: any value that is not empty.
    this.#colour = this.isTerminal && !terminal.env.NO_COLOR && terminal.env.TERM !== 'dumb';
  }

  /** The command's answer: `value` with --json, what `plain` returns otherwise. */
  async answer(value: unknown, plain: () => string): Promise<void> {
    await this.write(`${this.json ? json(value) : plain()}\n`);
  }

  /** Resolves once the text may be followed by more: a slow reader slows us, not our memory. */
  async write(chunk: string | Uint8Array): Promise<void> {
    const { stdout } = this.#terminal;
    if (!stdout.write(chunk)) await new Promise<void>((resolve) => stdout.once('drain', resolve));
  }

  /** For the person at the terminal, beside the answer. */
  note(text: string): void {
    this.#terminal.stderr.write(`${text}\n`);
  }

  style(style: Style, text: string): string {
    return this.#colour ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text;
  }

  /** Aligned columns. Cells are data: they are made safe here. On a terminal the last column is cut to fit. */
  table(
    head: readonly string[],
    rows: readonly (readonly string[])[],
    whenEmpty: string,
    styleOf: (row: readonly string[]) => Style | undefined = () => undefined,
  ): string {
    if (rows.length === 0) return whenEmpty;
    const cells = [head, ...rows.map((row) => row.map(line))];
    const widths = head.map((_, column) => Math.max(...cells.map((row) => width(row[column] ?? ''))));
    const last = head.length - 1;
    const before = widths.slice(0, last).reduce((sum, cell) => sum + cell + 2, 0);
    const columns = this.#terminal.stdout.columns ?? 80;
    const room = this.isTerminal ? Math.max(12, columns - before) : Number.POSITIVE_INFINITY;
    return cells
      .map((row, index) => {
        const text = row
          .map((cell, column) =>
            column === last ? cut(cell, room) : cell + ' '.repeat((widths[column] ?? 0) - width(cell) + 2),
          )
          .join('')
          .trimEnd();
        const style = index === 0 ? 'bold' : styleOf(row);
        return style === undefined ? text : this.style(style, text);
      })
      .join('\n');
  }

  /** `name  value` lines. */
  details(rows: readonly (readonly [string, string | undefined])[]): string {
    const shown = rows.filter((row): row is [string, string] => row[1] !== undefined && row[1] !== '');
    const widest = Math.max(...shown.map(([name]) => name.length));
    return shown.map(([name, value]) => `${this.style('dim', name.padEnd(widest))}  ${line(value)}`).join('\n');
  }
}

/** `2026-11-20 14:03:07` in the reader's own time zone. */
export function time(iso: string): string {
  const at = new Date(iso);
  const two = (value: number): string => String(value).padStart(2, '0');
  const east = -at.getTimezoneOffset();
  const [hours, minutes] = [Math.trunc(Math.abs(east) / 60), Math.abs(east) % 60];
  return (
    `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ` +
    `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}${east < 0 ? '-' : '+'}${two(hours)}:${two(minutes)}`
  );
}
