// Whether code of the database's own may run with a statement, and what it can do: change rows and nothing else, or
// more (dynamic), such as definitions, cursors and prepared statements.

import { everyStatement } from '../../../../core/sql/statement.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import { definedBy, type SessionState } from './result-knowledge.ts';
import type { StatementReading } from '../catalogue/statement-reading.ts';

export type OwnCodeReach = 'no' | 'own' | 'dynamic';

export class OwnCodeOf {
  readonly #known = new WeakMap<StatementReading, { readonly catalogue: Catalogue; readonly code: OwnCodeReach }>();

  of(one: StatementReading, catalogue: Catalogue | undefined, state: Omit<SessionState, 'fault'>): OwnCodeReach {
    const alike = catalogue !== undefined && one.alone && !state.dirty;
    const known = alike ? this.#known.get(one) : undefined;
    if (known && known.catalogue === catalogue) return known.code;
    const code = ownCodeOf(one, catalogue, state);
    if (alike) this.#known.set(one, { catalogue, code });
    return code;
  }
}

/** What the catalogue does not have yet may be such code. */
function ownCodeOf(
  reading: StatementReading,
  catalogue: Catalogue | undefined,
  session: Omit<SessionState, 'fault'>,
): OwnCodeReach {
  const inert = [...everyStatement(reading.summary)].every(
    ({ acts, opaque, executes }) =>
      opaque.length === 0 && executes === undefined && acts.every((act) => !act.function && !act.relation),
  );
  if (inert && reading.result.kind === 'none') return 'no';
  const behind = definedBy(reading, session);
  if (!catalogue || session.dirty || behind === 'unknown') return 'dynamic';
  return behind
    ? catalogue.reach(`${reading.text}\n${behind.text}`, [reading.summary, behind.summary]).code
    : catalogue.reach(reading.text, [reading.summary], reading.block).code;
}

/** It writes to a view, or to what is not known: pg_settings may stand behind it. */
export function writesThrough({ writes }: StatementReading, catalogue: Catalogue | undefined): boolean {
  return writes.some(({ schema, name }) => {
    const meant = name === undefined ? [] : (catalogue?.named({ schema, table: name }) ?? []);
    return meant.length === 0 || meant.some(({ kind }) => kind === 'v');
  });
}
