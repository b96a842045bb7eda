// asciicast, versions 2 and 3: a header, then an event a line. In 2 an event has its time since the beginning, in 3 the
// interval since the event before. Times are whole microseconds, so neither is rounded and intervals add up.
// https://docs.asciinema.org/manual/asciicast/v2/ and /v3/

import type { CastVersion } from '../../core/replay/exports.ts';
import type { SessionEntry } from '../../core/catalogue.ts';
import { onOneLine } from '../../core/text/written-text.ts';

/** Output, input, resize, marker; in version 3 the exit status. */
type Code = 'o' | 'i' | 'r' | 'm' | 'x';

const MARKER_CHARS = 80;

export class CastWriter {
  readonly #version: CastVersion;
  #lastUs: number;

  /** `lastUs`: of one that goes on. */
  constructor(version: CastVersion, lastUs = 0) {
    this.#version = version;
    this.#lastUs = lastUs;
  }

  get lastUs(): number {
    return this.#lastUs;
  }

  /** `settings`: variables with which it ran, `LANG=C`. */
  header(session: SessionEntry, cols: number, rows: number, title: string, settings: readonly string[] = []): string {
    const env = Object.fromEntries(settings.map((one) => [nameIn(one), one.slice(nameIn(one).length + 1)]));
    const type = env.TERM;
    const more = {
      timestamp: Math.floor(Date.parse(session.startedAt) / 1000),
      title: onOneLine(title),
      ...(settings.length > 0 && { env }),
    };
    const header =
      this.#version === 2
        ? { version: 2, width: cols, height: rows, ...more }
        : { version: 3, term: { cols, rows, ...(type !== undefined && { type }) }, ...more };
    return `${JSON.stringify(header)}\n`;
  }

  /** Times never go back. */
  event(timeUs: number, code: Code, data: string): string {
    // Players of version 2 that do not know it would stop.
    if (code === 'x' && this.#version === 2) return '';
    const us = Math.max(timeUs, this.#lastUs);
    const seconds = this.#version === 2 ? us : us - this.#lastUs;
    this.#lastUs = us;
    return `${JSON.stringify([seconds / 1e6, code, data])}\n`;
  }

  /** On one line; what of it comes from the recording is made visible. */
  marker(timeUs: number, text: string): string {
    return this.event(timeUs, 'm', onOneLine(text).slice(0, MARKER_CHARS));
  }

  /** The last line of a damaged recording, by which programs know it: no text of a recording is a marker that begins so. */
  damage(timeUs: number, message: string): string {
    return this.event(timeUs, 'm', onOneLine(`the recording is damaged from here on: ${message}`));
  }
}

const nameIn = (setting: string): string => setting.split('=', 1)[0] ?? setting;
