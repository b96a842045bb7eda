// Results as CSV: of one statement as a file, or of all as a ZIP archive with a file for each result and statements.csv, which lists
// what was run. As recorded: masked values are masked.

import type { SessionEntry } from '../../../core/catalogue.ts';
import type { OpenRecording } from '../../replay/registry.ts';
import type { Chunks } from '../../stream-text.ts';
import { AnswerRanges } from './answer-ranges.ts';
import { csvLine, csvNote } from './cells.ts';
import { type Results, resultsOf } from './results.ts';
import type { RowEvent } from './row-reader.ts';
import { damageNote, statementList } from './statement-list.ts';
import { MAX_FILE_BYTES, MAX_FILES, ZipWriter } from './zip.ts';

/** undefined: no such statement was answered, or its answer has no rows: it failed, say. */
export async function exportStatementCsv(
  session: SessionEntry,
  open: OpenRecording,
  statement: number,
  exact: boolean,
): Promise<Chunks | undefined> {
  const ranges = new AnswerRanges();
  for await (const _ of statementList(session, open(), ranges, exact));
  if (!ranges.has(statement)) return undefined;
  const rows = rowsOf(resultsOf(session, open(), ranges, statement), exact)[Symbol.asyncIterator]();
  const first = await rows.next();
  return first.done ? undefined : resumed(first.value, rows);
}

async function* resumed(first: string, rest: AsyncIterator<string>): AsyncGenerator<string, void, undefined> {
  if (first !== '') yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) if (next.value !== '') yield next.value;
}

/**
 * Several results of one statement stand below each other, with an empty line between. Exactly, what COPY wrote as text is itself:
 * CSV where it was asked to write that, and no CSV of its lines.
 */
async function* rowsOf(results: AsyncIterable<Results>, exact: boolean): AsyncGenerator<string, void, undefined> {
  let names: string | undefined;
  let more = false;
  let itself = false;
  for await (const result of results) {
    if (result.kind === 'damaged') {
      yield damageNote(result.message);
      return;
    }
    let text = '';
    for (const event of result.events) {
      if (event.kind === 'columns') {
        itself = exact && event.copied === true && names === undefined;
        if (itself) continue;
        const header = csvLine(event.names, exact);
        if (!(more && header === names)) text += `${names === undefined ? '' : '\r\n'}${header}`;
        names = header;
      } else if (event.kind === 'row') text += itself ? `${event.cells[0] ?? ''}\n` : csvLine(event.cells, exact);
      else if (event.kind === 'note') text += csvNote(event.words);
      else more = event.more;
    }
    // Nothing at all was copied: that is a result too.
    if (text !== '' || itself) yield text;
  }
}

export async function* exportAllCsv(session: SessionEntry, open: OpenRecording, exact: boolean): Chunks {
  const zip = new ZipWriter(new Date(session.startedAt));
  const ranges = new AnswerRanges();
  yield* zip.file('statements.csv', statementList(session, open(), ranges, exact));
  const results = new ResultFiles(resultsOf(session, open(), ranges, undefined), exact);
  for (let name = await results.next(); name !== undefined; name = await results.next()) {
    if (zip.files >= MAX_FILES) {
      yield* zip.file('MORE.txt', only('There are more results: ask for those of one statement with --statement N.\n'));
      break;
    }
    yield* zip.file(name, results.file());
  }
  if (results.damage !== undefined) yield* zip.file('DAMAGED.txt', only(damageNote(results.damage)));
  yield* zip.end();
}

async function* only(text: string): AsyncGenerator<string> {
  yield text;
}

/** Results one after the other, each as the text of a file. */
class ResultFiles {
  readonly #results: AsyncIterator<Results>;
  readonly #exact: boolean;
  readonly #files = new Map<number, number>();
  #statement = 0;
  #events: readonly RowEvent[] = [];
  /** The next of them. */
  #at = 0;
  #header = '';
  damage: string | undefined;

  constructor(results: AsyncGenerator<Results>, exact: boolean) {
    this.#results = results[Symbol.asyncIterator]();
    this.#exact = exact;
  }

  /** The name of the next file; undefined: there is none. The one before was read to its end. */
  async next(): Promise<string | undefined> {
    while (await this.#fill()) {
      if (this.#events[this.#at]?.kind !== 'end') {
        const number = (this.#files.get(this.#statement) ?? 0) + 1;
        this.#files.set(this.#statement, number);
        return `statement-${this.#statement}${number === 1 ? '' : `-${number}`}.csv`;
      }
      this.#at++;
    }
    return undefined;
  }

  async *file(): AsyncGenerator<string, void, undefined> {
    const statement = this.#statement;
    let bytes = 0;
    // What goes on with a result that had become too large for one file has its names again.
    let text = this.#events[this.#at]?.kind === 'row' ? this.#header : '';
    for (let begun = false; await this.#fill(); ) {
      if (this.#statement !== statement || bytes > MAX_FILE_BYTES) break;
      for (; this.#at < this.#events.length; this.#at++) {
        const event = this.#events[this.#at];
        if (!event || (begun && event.kind === 'columns')) break;
        text += this.#lineOf(event);
        begun = true;
      }
      bytes += text.length;
      if (text !== '') yield text;
      text = '';
      if (this.#at < this.#events.length) break;
    }
  }

  #lineOf(event: RowEvent): string {
    switch (event.kind) {
      case 'columns':
        this.#header = csvLine(event.names, this.#exact);
        return this.#header;
      case 'row':
        return csvLine(event.cells, this.#exact);
      case 'note':
        return csvNote(event.words);
      case 'end':
        return '';
    }
  }

  /** Whether there is an event more. */
  async #fill(): Promise<boolean> {
    while (this.#at >= this.#events.length) {
      const next = this.damage === undefined ? await this.#results.next() : undefined;
      if (!next || next.done) return false;
      if (next.value.kind === 'damaged') this.damage = next.value.message;
      else {
        this.#statement = next.value.statement;
        this.#events = next.value.events;
        this.#at = 0;
      }
    }
    return true;
  }
}
