// What was done in a session, in a few lines: the head of its page in a knowledge base. Read before the page is written, and bounded
// whatever was done.

import { z } from 'zod';
import type { ReplayEvent } from '../../../core/catalogue.ts';
import { endWords } from '../../../core/replay/command-words.ts';
import { errorName } from '../../../core/replay/error-name.ts';
import { partialWords } from '../../../core/replay/file-words.ts';
import type { TerminalEvent } from '../../../core/replay/terminal.ts';
import { isSystemTable } from '../../../core/search/catalogue-query.ts';
import { tablesIn } from '../../../core/search/tables.ts';
import { count } from '../../../core/text/amounts.ts';
import type { Checkpoints } from '../../checkpoints.ts';
import { maskWords } from '../text/told-statements.ts';
import { plain } from './markup.ts';

/** Of each kind that many are named. */
const MAX_NAMED = 30;
const MAX_KNOWN = 10_000;
const MAX_CHARS = 200;

const KeptNamed = z.object({ known: z.array(z.string()), more: z.number() });
const KINDS = ['tables', 'system', 'run', 'errors', 'policy', 'masks', 'files', 'forwards'] as const;
const KeptSummary = z.object({
  counts: z.object({ statements: z.number(), commands: z.number(), rows: z.number() }),
  named: z.record(z.literal(KINDS), KeptNamed),
});

/** Different ones, in the order of their coming. */
class Named {
  readonly #known: Set<string>;
  #more: number;

  constructor({ known, more }: z.infer<typeof KeptNamed> = { known: [], more: 0 }) {
    this.#known = new Set(known);
    this.#more = more;
  }

  state(): z.infer<typeof KeptNamed> {
    return { known: [...this.#known], more: this.#more };
  }

  add(text: string): void {
    if (this.#known.size < MAX_KNOWN) this.#known.add(text.slice(0, MAX_CHARS));
    else this.#more++;
  }

  /** `title`: what they are; empty when there are none. */
  lines(title: string): string {
    const named = [...this.#known].slice(0, MAX_NAMED).map((each) => `  - ${plain(each)}\n`);
    const more = this.#known.size - named.length + this.#more;
    if (named.length === 0) return '';
    return `- ${title}:\n${named.join('')}${more > 0 ? `  - and ${more} more\n` : ''}`;
  }
}

/** What the policy did about actions. */
const POLICY = new Set(['REFUSED', 'HELD', 'APPROVED', 'DENIED', 'EXPIRED', 'WITHDRAWN', 'FAILED', 'WARNED']);
const MASKS = new Set(['MASKED', 'HIDDEN', 'WITHHELD']);

export async function summaryOf(events: AsyncIterable<ReplayEvent | TerminalEvent>, at: Checkpoints): Promise<string> {
  const saved = at.saved('summary', KeptSummary);
  let { statements, commands, rows } = saved?.counts ?? { statements: 0, commands: 0, rows: 0 };
  const named = Object.fromEntries(KINDS.map((kind) => [kind, new Named(saved?.named[kind])])) as Record<
    (typeof KINDS)[number],
    Named
  >;
  const { tables, system, run, errors, policy, masks, files, forwards } = named;
  at.keep('summary', KeptSummary, () => ({
    counts: { statements, commands, rows },
    named: Object.fromEntries(KINDS.map((kind) => [kind, named[kind].state()])) as z.input<typeof KeptSummary>['named'],
  }));
  for await (const event of events) {
    if (event.kind === 'statement') {
      statements++;
      for (const name of tablesIn(event.text)) (isSystemTable(name) ? system : tables).add(name);
    } else if (event.kind === 'result') {
      rows += event.rows;
      if (event.error) errors.add(`#${event.statement} ${errorName(event.error)}: ${event.error.message}`);
    } else if (event.kind === 'command') {
      commands++;
      if (event.form !== 'subsystem') run.add(event.command || event.form);
    } else if (event.kind === 'typed') {
      if (event.line.trim() !== '') run.add(event.line.trim());
    } else if (event.kind === 'finished') {
      const how = endWords(event);
      if (how !== undefined && how !== 'exit 0') errors.add(`#${event.action} ${how}`);
    } else if (event.kind === 'file')
      files.add(`${event.direction} ${event.path}, ${event.size} bytes${partialWords(event.partial)}`);
    else if (event.kind === 'access' && event.error)
      errors.add(`#${event.action} ${event.path}: ${event.error.message}`);
    else if (event.kind === 'lane' && /tcpip|forward|streamlocal/.test(event.of)) forwards.add(event.label);
    else if (event.kind === 'notice') {
      const about = 'statement' in event ? event.statement : 'action' in event ? event.action : undefined;
      const words = `${about === undefined ? '' : `#${about} `}${event.severity}: ${event.message}`;
      if (POLICY.has(event.severity)) policy.add(words);
      else if (MASKS.has(event.severity))
        masks.add(
          event.severity === 'MASKED'
            ? `${about === undefined ? '' : `#${about} `}${maskWords(event.message)}`
            : event.message,
        );
      else if (event.severity === 'FILE') files.add(event.message);
    }
  }
  const amounts = [
    statements > 0 ? count(statements, 'statement') : '',
    commands > 0 ? count(commands, 'command') : '',
    rows > 0 ? count(rows, 'row') : '',
  ].filter((words) => words !== '');
  return [
    `- ${amounts.length > 0 ? amounts.join(', ') : 'Nothing was run'}\n`,
    tables.lines('Tables named'),
    system.lines('System tables named'),
    run.lines('Run'),
    files.lines('Files moved'),
    forwards.lines('Forwards'),
    policy.lines('What the policy did, and who approved'),
    masks.lines('Masked'),
    errors.lines('Errors'),
  ].join('');
}
