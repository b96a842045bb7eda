// Names that PREPARE in SQL makes, which a Bind may use as well as an EXECUTE.

import type { Summaries } from '../../../../core/policy/sections/judge.ts';
import { CONFORMING } from '../../../../core/sql/postgres/postgres.ts';
import type { Names } from './names.ts';
import type { Fault } from './statements.ts';
import type { Statement } from './statement.ts';

const NONE: NonNullable<Statement['prepares']> = [];

/** Takes the names that the statement's text will make. `segment`: as for Names.prepare. */
export function prepareNames(
  statement: Statement,
  read: Summaries,
  names: Names,
  segment: number | undefined,
): Fault | undefined {
  if (!read.ok) return undefined;
  statement.prepares = NONE;
  for (const [index, { prepares: name, nested }] of read.value.entries()) {
    if (name === undefined) continue;
    const source = { text: undefined, settings: CONFORMING, read: { ok: true, value: nested } } as const;
    const text = `-- ${name}: prepared in SQL`;
    const undo = names.prepare({ name, text, textBytes: undefined, types: [], source }, segment);
    if (!undo) return 'too many prepared statements are open';
    statement.prepares = [...statement.prepares, { index, undo }];
  }
  return undefined;
}
