// Streams a session's export to a file or to standard output; memory stays flat whatever its size.

import type { Command } from 'commander';
import { ExportFormat, ExportParts, ExportQuery } from '../../core/replay/exports.ts';
import { SessionId } from '../../core/ids.ts';
import { showBytes } from '../../core/text/amounts.ts';
import { query } from '../api-client.ts';
import { checked, type Cli } from '../cli.ts';
import { usage } from '../failure.ts';
import { saveStream } from '../files/save-stream.ts';
import { lines } from '../terminal-text.ts';
import { noteOthers, refuseDamage, TAIL_BYTES } from './endings.ts';
import { joinedParts } from './parts.ts';

interface Options {
  readonly format?: string;
  readonly asciicast?: string;
  readonly lane?: string;
  readonly statement?: string;
  readonly exact?: boolean;
  readonly all?: boolean;
  readonly file?: string;
  readonly out?: string;
}

export function addExport(command: Command, cli: Cli): void {
  command
    .description('Downloads a session, or a file that went over in it.')
    .argument('SESSION', 'its id, ses_...')
    .option(
      '--format <FORMAT>',
      'ndjson: all of it, for programs (default); html: a page; text; markdown; csv: results; asciicast',
    )
    .option('--asciicast <VERSION>', '2 or 3 (default: 3 of a terminal, 2 of statements)')
    .option('--lane <N>', 'which of several terminals the asciicast is of')
    .option('--statement <N>', 'this one alone; of text and Markdown also 3..7')
    .option('--all', 'text, Markdown: also what clients do by themselves')
    .option('--exact', 'CSV without apostrophes in front of formulas')
    .option('--file <PATH-OR-N>', 'one that went over: its path, or its action by number')
    .option('-o, --out <FILE>', 'write to FILE, only once it is whole')
    .action(async (text: string, options: Options, command: Command) => {
      const id = checked(SessionId, text, 'SESSION');
      const asked = readQuery(options);
      const { format } = asked;
      const { client, output } = await cli.open(command);
      const path = `/sessions/${id}/export${query(asked)}`;
      const seen = { tail: Buffer.alloc(0) };
      const answer = await client.streamOr(path, ExportParts);
      const whole = 'chunks' in answer ? answer.chunks : joinedParts(client, path, answer.other, output);
      const body = keepTail(whole, seen);
      if (options.out === undefined) {
        // What a person looks at must not drive their terminal; what goes to a file stays as it is.
        const decoder = new TextDecoder();
        for await (const chunk of body) {
          await output.write(output.isTerminal ? lines(decoder.decode(chunk, { stream: true })) : chunk);
        }
        noteOthers(format, seen.tail, output);
        refuseDamage(asked, seen.tail);
        return;
      }
      const file = options.out;
      const written = await saveStream(file, body);
      noteOthers(format, seen.tail, output);
      refuseDamage(asked, seen.tail, file);
      await output.answer({ session: id, format, file, bytes: written }, () => `${file}: ${showBytes(written)}`);
    });
}

function readQuery({ asciicast, lane, statement, exact, all, file, ...options }: Options): ExportQuery {
  if (file !== undefined && options.format !== undefined) throw usage('--file is the file itself: leave --format away');
  const format = checked(ExportFormat, file === undefined ? (options.format ?? 'ndjson') : 'file', '--format');
  if (format === 'file' && file === undefined) throw usage('name the file with --file');
  if (format !== 'asciicast' && (asciicast ?? lane) !== undefined)
    throw usage('--asciicast and --lane go with --format asciicast');
  const read = format === 'text' || format === 'markdown';
  if (format !== 'csv' && exact !== undefined) throw usage('--exact goes with --format csv');
  if (format !== 'csv' && !read && statement !== undefined)
    throw usage('--statement goes with --format csv, text or markdown');
  if (!read && all !== undefined) throw usage('--all goes with --format text or markdown');
  checked(ExportQuery.shape.asciicast, asciicast, '--asciicast');
  checked(ExportQuery.shape.lane, lane, '--lane');
  const { first, through } = readStatements(statement, read);
  checked(ExportQuery.shape.file, file, '--file');
  return ExportQuery.parse({
    format,
    asciicast,
    lane,
    statement: first,
    through,
    file,
    ...(exact && { exact: 'true' }),
    ...(all && { all: 'true' }),
  });
}

/** `7`, or where several can be told `3..7`. */
function readStatements(text: string | undefined, severalToo: boolean): { first?: number; through?: number } {
  if (text === undefined) return {};
  const [, first = '', through] = /^(\d{1,9})(?:\.\.(\d{1,9}))?$/.exec(text) ?? [];
  if (through !== undefined && !severalToo) throw usage('--statement takes one number with --format csv');
  if (Number(first) < 1 || (through !== undefined && Number(through) < Number(first)))
    throw usage(
      `--statement ${text}: expected a number from 1 on${severalToo ? ', or from the first to the last: 3..7' : ''}`,
    );
  return { first: Number(first), ...(through !== undefined && { through: Number(through) }) };
}

async function* keepTail(body: AsyncIterable<Uint8Array>, seen: { tail: Buffer }): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    seen.tail = Buffer.concat([seen.tail, chunk.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES);
    yield chunk;
  }
}
