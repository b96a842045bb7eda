import { beforeAll, describe, expect, test } from 'vitest';
import { compileStatementRules, judge } from '../../core/policy/statements.ts';
import { CONFORMING, summarizePostgres } from '../../core/sql/postgres.ts';
import { everyStatement } from '../../core/sql/statement.ts';
import { VERBS } from '../../core/sql/vocabulary.ts';
import { loadModule, parseSync } from 'libpg-query';
import { RULE_SETS } from './postgres.ts';

beforeAll(() => loadModule());

for (const { name, statements, unparsable, rows } of RULE_SETS) {
  describe(`under the rules "${name}"`, () => {
    const rules = compileStatementRules(statements, unparsable);
    test.each(rows)('%j is %s: %s', (statement, expected) => {
      const read = summarizePostgres(parseSync, statement, CONFORMING);
      expect({ read, verdict: judge(rules, read).verdict }).toMatchObject({ verdict: expected });
    });
  });
}

test('the table holds 150 statements or more, each once under its rules', () => {
  const all = RULE_SETS.flatMap(({ name, rows }) => rows.map(([statement]) => `${name}: ${statement}`));
  expect(all.length).toBeGreaterThanOrEqual(150);
  expect(new Set(all).size).toBe(all.length);
});

test('every verb that a summary uses is a word that a rule may use', () => {
  const used = RULE_SETS.flatMap(({ rows }) => rows)
    .flatMap(([statement]) => {
      const read = summarizePostgres(parseSync, statement, CONFORMING);
      return read.ok ? [...read.value] : [];
    })
    .flatMap((summary) => [...everyStatement(summary)])
    .flatMap(({ acts, opaque }) => [
      ...acts.flatMap(({ verbs, also }) => [...verbs, ...(also ?? [])]),
      ...opaque.flatMap(({ verbs }) => verbs),
    ]);
  expect([...new Set(used)].filter((verb) => !VERBS.has(verb))).toEqual([]);
});
