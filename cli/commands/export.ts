// Streams a session's export to a file or to standard output; memory stays flat whatever its size.

import { open, rename, rm } from 'node:fs/promises';
import type { Command } from 'commander';
import { ExportFormat, ExportQuery } from '../../core/api.ts';
import { SessionId } from '../../core/ids.ts';
import { showBytes } from '../../core/text/amounts.ts';
import { checked, type Cli } from '../cli.ts';
import { Failure, usage } from '../failure.ts';
import type { Output } from '../output.ts';
import { codeOf } from '../files/file-error.ts';
import { lines } from '../terminal-text.ts';

/** Damage is the last thing in an export, and a line or a section long. */
const TAIL_BYTES = 4096;

interface Options {
  readonly format: string;
  readonly asciicast?: string;
  readonly lane?: string;
  readonly out?: string;
}

export function addExport(command: Command, cli: Cli): void {
  command
    .argument('SESSION', 'its id, ses_...')
    .option('--format <FORMAT>', 'ndjson: all of it, for programs; html: a page; asciicast', 'ndjson')
    .option('--asciicast <VERSION>', '2 or 3 (default: 3 of a terminal, 2 of statements)')
    .option('--lane <N>', 'of several terminals, the one that becomes the asciicast (default: the first)')
    .option('--out <FILE>', 'write to FILE, only once it is whole (default: standard output)')
    .action(async (text: string, options: Options, command: Command) => {
      const id = checked(SessionId, text, 'SESSION');
      const format = checked(ExportFormat, options.format, '--format');
      const { asciicast, lane } = options;
      if (format !== 'asciicast' && (asciicast ?? lane) !== undefined)
        throw usage('--asciicast and --lane go with --format asciicast');
      checked(ExportQuery.shape.asciicast, asciicast, '--asciicast');
      checked(ExportQuery.shape.lane, lane, '--lane');
      const query = new URLSearchParams({ format, ...(asciicast && { asciicast }), ...(lane && { lane }) });
      const { client, output } = await cli.open(command);
      const seen = { tail: Buffer.alloc(0) };
      const body = keepTail(client.stream(`/sessions/${id}/export?${query}`), seen);
      if (options.out === undefined) {
        // What a person looks at must not drive their terminal; what goes to a file stays as it is.
        const decoder = new TextDecoder();
        for await (const chunk of body) {
          await output.write(output.isTerminal ? lines(decoder.decode(chunk, { stream: true })) : chunk);
        }
        noteOthers(format, seen.tail, output);
        refuseDamage(format, seen.tail);
        return;
      }
      const file = options.out;
      const written = await save(file, body);
      noteOthers(format, seen.tail, output);
      refuseDamage(format, seen.tail, file);
      await output.answer({ session: id, format, file, bytes: written }, () => `${file}: ${showBytes(written)}`);
    });
}

async function* keepTail(body: AsyncIterable<Uint8Array>, seen: { tail: Buffer }): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    seen.tail = Buffer.concat([seen.tail, chunk.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES);
    yield chunk;
  }
}

/** The export of a damaged recording ends with the damage. Exit 1, as for a replay; what came before it stays written. */
function refuseDamage(format: ExportFormat, tail: Buffer, file?: string): void {
  if (!endsWithDamage(format, tail.toString())) return;
  const where = file === undefined ? 'the export' : file;
  throw new Failure(1, 'recording_damaged', `the recording is damaged: ${where} ends where the damage begins`);
}

/** A cast is of one terminal, and says near its end which others there are. */
function noteOthers(format: ExportFormat, tail: Buffer, output: Output): void {
  const lanes = /,"m","other terminals of this session: lanes ([\d, ]+)/.exec(tail.toString().slice(-1024))?.[1];
  if (format === 'asciicast' && lanes !== undefined)
    output.note(`The session has other terminals, in lanes of their own: ${lanes}. Ask for one with --lane N.`);
}

/** Looks for what recorded text cannot imitate: all three formats escape it. */
function endsWithDamage(format: ExportFormat, tail: string): boolean {
  if (format === 'html') return tail.includes('<section class="error damaged">');
  const last = tail.trimEnd().split('\n').at(-1) ?? '';
  return format === 'ndjson'
    ? last.includes('"kind":"fact","fact":{"kind":"recording.damaged"')
    : /^\[[\d.e-]+,"m","the recording is damaged from here on/.test(last);
}

async function save(file: string, body: AsyncIterable<Uint8Array>): Promise<number> {
  const partial = `${file}.${process.pid}.part`;
  const failed = (error: unknown): never => {
    throw usage(`cannot write ${file}: ${codeOf(error)}`);
  };
  let written = 0;
  const handle = await open(partial, 'wx', 0o600).catch(failed);
  try {
    for await (const chunk of body) {
      await handle.write(chunk).catch(failed);
      written += chunk.length;
    }
    await handle.close();
    await rename(partial, file).catch(failed);
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(partial, { force: true });
    throw error;
  }
  return written;
}
