// Results as CSV: of one statement as a file, or of all as a ZIP archive with a file for each result and statements.csv, which lists
// what was run. As recorded: masked values are masked.

import { z } from 'zod';
import type { SessionEntry } from '../../../core/catalogue.ts';
import { type Checkpoints, NO_CHECKPOINTS } from '../../checkpoints.ts';
import type { OpenRecording } from '../../replay/registry.ts';
import type { Chunks } from '../../stream-text.ts';
import { AnswerRanges, AnswerRangesState } from './answer-ranges.ts';
import { csvLine, csvNote } from './cells.ts';
import { type Results, resultsOf } from './results.ts';
import type { RowEvent } from './row-reader.ts';
import { damageNote, statementList } from './statement-list.ts';
import { MAX_FILE_BYTES, MAX_FILES, ZipState, ZipWriter } from './zip.ts';

/** undefined: no such statement was answered, or its answer has no rows: it failed, say. */
export async function exportStatementCsv(
  session: SessionEntry,
  open: OpenRecording,
  statement: number,
  exact: boolean,
  at: Checkpoints = NO_CHECKPOINTS,
): Promise<Chunks | undefined> {
  let begun = at.saved('begun', z.boolean()) ?? false;
  at.keep('begun', z.boolean(), () => begun);
  const ranges = keptRanges(at);
  await at.once('listed', z.literal(true), async (within) => {
    for await (const _ of statementList(session, within.read(open), ranges, exact, within));
    return true as const;
  });
  if (!ranges.has(statement)) return undefined;
  const results = resultsOf(session, at.read(open), ranges, statement, at);
  const rows = rowsOf(results, exact, at)[Symbol.asyncIterator]();
  if (begun) return told('', rows);
  const first = await rows.next();
  begun = !first.done;
  return first.done ? undefined : told(first.value, rows);
}

function keptRanges(at: Checkpoints): AnswerRanges {
  const ranges = new AnswerRanges(at.saved('ranges', AnswerRangesState));
  at.keep('ranges', AnswerRangesState, () => ranges.state());
  return ranges;
}

async function* told(first: string, rest: AsyncIterator<string>): AsyncGenerator<string, void, undefined> {
  if (first !== '') yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) if (next.value !== '') yield next.value;
}

const KeptRows = z.object({ names: z.string().optional(), more: z.boolean(), itself: z.boolean() });

/**
 * Several results of one statement stand below each other, with an empty line between. Exactly, what COPY wrote as text is itself:
 * CSV where it was asked to write that, and no CSV of its lines.
 */
async function* rowsOf(
  results: AsyncIterable<Results>,
  exact: boolean,
  at: Checkpoints,
): AsyncGenerator<string, void, undefined> {
  const saved = at.saved('rows', KeptRows);
  let names = saved?.names;
  let { more, itself } = saved ?? { more: false, itself: false };
  at.keep('rows', KeptRows, () => ({ more, itself, ...(names !== undefined && { names }) }));
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

const Reading = z.literal(['list', 'results']);

export async function* exportAllCsv(
  session: SessionEntry,
  open: OpenRecording,
  exact: boolean,
  at: Checkpoints = NO_CHECKPOINTS,
): Chunks {
  const zip = new ZipWriter(new Date(session.startedAt), at.saved('zip', ZipState));
  at.keep('zip', ZipState, () => zip.state());
  const ranges = keptRanges(at);
  let reading: z.infer<typeof Reading> = at.saved('reading', Reading) ?? 'list';
  at.keep('reading', Reading, () => reading);
  if (reading === 'list') {
    const within = at.part('list');
    yield* zip.file('statements.csv', statementList(session, within.read(open), ranges, exact, within));
    within.over();
    reading = 'results';
  }
  const results = new ResultFiles(
    resultsOf(session, at.read(open), ranges, undefined, at),
    exact,
    at.saved('files', KeptFiles),
  );
  at.keep('files', KeptFiles, () => results.state());
  for (let name = zip.open ?? (await results.next()); name !== undefined; name = await results.next()) {
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

const FileBegun = z.object({ bytes: z.number(), begun: z.boolean() });
const KeptFiles = z.object({
  statement: z.number(),
  files: z.array(z.tuple([z.number(), z.number()])),
  header: z.string(),
  /** Of the file that is written. */
  file: FileBegun.optional(),
});

/** Results one after the other, each as the text of a file. */
class ResultFiles {
  readonly #results: AsyncIterator<Results>;
  readonly #exact: boolean;
  readonly #files: Map<number, number>;
  #statement: number;
  #events: readonly RowEvent[] = [];
  /** The next of them. */
  #at = 0;
  #header: string;
  #file: z.infer<typeof FileBegun> | undefined;
  damage: string | undefined;

  /** `saved`: what `state` said. */
  constructor(results: AsyncGenerator<Results>, exact: boolean, saved: z.output<typeof KeptFiles> | undefined) {
    this.#results = results[Symbol.asyncIterator]();
    this.#exact = exact;
    this.#files = new Map(saved?.files);
    this.#statement = saved?.statement ?? 0;
    this.#header = saved?.header ?? '';
    this.#file = saved?.file;
  }

  /** Between two segments: no event waits. */
  state(): z.input<typeof KeptFiles> {
    const file = this.#file && { file: { ...this.#file } };
    return { statement: this.#statement, files: [...this.#files], header: this.#header, ...file };
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
    const file = this.#file ?? { bytes: 0, begun: false };
    this.#file = file;
    // What goes on with a result that had become too large for one file has its names again.
    let text = this.#events[this.#at]?.kind === 'row' ? this.#header : '';
    while (await this.#fill()) {
      if (this.#statement !== statement || file.bytes > MAX_FILE_BYTES) break;
      for (; this.#at < this.#events.length; this.#at++) {
        const event = this.#events[this.#at];
        if (!event || (file.begun && event.kind === 'columns')) break;
        text += this.#lineOf(event);
        file.begun = true;
      }
      file.bytes += text.length;
      if (text !== '') yield text;
      text = '';
      if (this.#at < this.#events.length) break;
    }
    this.#file = undefined;
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
