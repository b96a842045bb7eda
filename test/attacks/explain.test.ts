// What `gatehouse policy explain` says of a statement is what the connector does with it.

import { loadModule, parseSync } from 'libpg-query';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { createJudge } from '../../core/policy/sections/judge.ts';
import { explainMasks } from '../../core/policy/explain/explain-masks.ts';
import { explainStatement } from '../../core/policy/explain/explain-statement.ts';
import { compileStatementRules } from '../../core/policy/sections/statements.ts';
import { CONFORMING, type PgTextSettings, summarizePostgres } from '../../core/sql/postgres/postgres.ts';
import { postgresReader } from '../../core/sql/reader.ts';
import { respell } from './mutations.ts';
import { RULE_SETS } from './postgres.ts';

beforeAll(() => loadModule());
const reader = postgresReader(parseSync);
const judge = createJudge<PgTextSettings>({
  summarize: (text, settings) => summarizePostgres(parseSync, text, settings),
  usual: CONFORMING,
  maxBytes: 1_000_000,
});
const sets = RULE_SETS.map((set) => ({ ...set, rules: compileStatementRules(set.statements, set.unparsable) }));
const rows = sets.flatMap((set) => set.rows.map(([statement]) => ({ set, statement })));

const explained = ({ set, statement }: (typeof rows)[number], text = statement) => {
  const judged = judge.under(set.rules).decide(text, { settings: CONFORMING, prepared: () => undefined });
  const { statements, unparsable } = set;
  return {
    told: explainStatement({ statements: [...statements], ...(unparsable && { unparsable }) }, reader, text),
    judged: judged.decision,
  };
};

test('for every statement of the table', () => {
  for (const row of rows) {
    const { told, judged } = explained(row);
    expect([row.statement, told.verdict, told.entry, told.why]).toEqual([
      row.statement,
      judged.verdict,
      judged.entry,
      judged.why,
    ]);
  }
});

test('for statements spelt otherwise', () => {
  // What PostgreSQL's scanner cannot take apart cannot be spelt otherwise.
  const spelt = rows.filter(({ statement }) => {
    const read = reader.summarize(statement);
    return read.ok && read.value.length > 0 && !/[^\x20-\x7e\s]/.test(statement);
  });
  fc.assert(
    fc.property(fc.nat(spelt.length - 1), fc.infiniteStream(fc.nat()), (index, random) => {
      const row = spelt[index] as (typeof rows)[number];
      const numbers = random[Symbol.iterator]();
      const text = respell(row.statement, (below) => (numbers.next().value ?? 0) % below);
      const { told, judged } = explained(row, text);
      expect([told.verdict, told.pattern]).toEqual([judged.verdict, judged.pattern]);
    }),
    { numRuns: 300 },
  );
});

test('a column that a statement shows is never told to be clear or absent when a mask names it', () => {
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
  let asked = 0;
  for (const { statement } of rows) {
    const lineage = reader.lineage(statement);
    if (!lineage.ok) continue;
    const columns = lineage.value.flatMap(({ result }) => (result.kind === 'columns' ? result.columns : []));
    for (const source of columns.flatMap(({ sources }) => (sources === 'unknown' ? [] : sources))) {
      if (source.kind === 'call') continue;
      const column = source.kind === 'column' ? source.column : 'anything';
      const mask = [{ columns: [`${quoted(source.table)}.${quoted(column)}`], with: 'hash' as const }];
      const shown = explainMasks({ name: 'r', mask }, reader, statement).shown([source.table, column]);
      expect([statement, shown.map((one) => one === 'absent' || one.shown === 'clear')]).toEqual([
        statement,
        shown.map(() => false),
      ]);
      asked++;
    }
  }
  expect(asked).toBeGreaterThan(50);
});
