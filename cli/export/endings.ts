// How an export ends: with the damage, where the recording is damaged, and a cast with which other terminals there are.

import type { ExportFormat, ExportQuery } from '../../core/replay/exports.ts';
import { Failure } from '../failure.ts';
import type { Output } from '../output.ts';

/** Damage is the last thing in an export, and a line or a section long. */
export const TAIL_BYTES = 4096;

/** The export of a damaged recording ends with the damage. Exit 1, as for a replay; what came before it stays written. */
export function refuseDamage(query: ExportQuery, tail: Buffer, file?: string): void {
  if (!endsWithDamage(query, tail.toString('latin1'))) return;
  const where = file === undefined ? 'the export' : file;
  throw new Failure(1, 'recording_damaged', `the recording is damaged: ${where} ends where the damage begins`);
}

/** A cast is of one terminal, and says near its end which others there are. */
export function noteOthers(format: ExportFormat, tail: Buffer, output: Output): void {
  const lanes = /,"m","other terminals of this session: lanes ([\d, ]+)/.exec(tail.toString().slice(-1024))?.[1];
  if (format === 'asciicast' && lanes !== undefined)
    output.note(`The session has other terminals, in lanes of their own: ${lanes}. Ask for one with --lane N.`);
}

/** Looks for what recorded text cannot imitate: each format keeps it from standing there. */
function endsWithDamage({ format, statement }: ExportQuery, tail: string): boolean {
  const last = tail.trimEnd().split('\n').at(-1) ?? '';
  switch (format) {
    case 'html':
      return tail.includes('<section class="error damaged">');
    case 'ndjson':
      return last.includes('"kind":"fact","fact":{"kind":"recording.damaged"');
    case 'asciicast':
      return /^\[[\d.e-]+,"m","the recording is damaged from here on/.test(last);
    case 'text':
      return last.startsWith('The recording is damaged from here on: ');
    case 'markdown':
      return last.startsWith('**The recording is damaged from here on:** ');
    case 'csv':
      return statement === undefined
        ? lastFileOf(tail) === DAMAGED_FILE
        : // The last line of a cell has the quote that ends it.
          /^# the recording is damaged from here on: [^"]*$/.test(last);
    // It is checked whole before its first byte is sent.
    case 'file':
      return false;
  }
}

const DAMAGED_FILE = 'DAMAGED.txt';
/** Of a ZIP archive's list, in which the name stands behind 46 bytes. */
const ENTRY = 'PK\u0001\u0002';

const lastFileOf = (tail: string): string => tail.slice(tail.lastIndexOf(ENTRY) + 46).slice(0, DAMAGED_FILE.length);
