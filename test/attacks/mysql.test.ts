import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileStatementRules, judge } from '../../core/policy/sections/statements.ts';
import { summarizeMysql } from '../../core/sql/mysql/mysql.ts';
import { everyStatement } from '../../core/sql/statement.ts';
import { VERBS } from '../../core/sql/vocabulary.ts';
import { MYSQL_RULE_SETS } from './mysql.ts';
import { type MysqlVerdict, READERS, type Reader } from './mysql-rule-set.ts';
import { CLIENTS } from './mysql-clients.ts';
import { MYSQL_WRAPPERS, respellMysql } from './mysql-mutations.ts';

const read = (statement: string, reader: Reader = 'maria') => summarizeMysql(statement, READERS[reader]);
const ROWS = MYSQL_RULE_SETS.flatMap(({ name, rows }) => rows.map((row) => ({ name, row })));

for (const { name, statements, unparsable, rows } of MYSQL_RULE_SETS) {
  describe(`under the rules "${name}"`, () => {
    const rules = compileStatementRules(statements, unparsable);
    const cases = rows.map(([statement, expected, why, reader]) => ({ statement, expected, why, reader }));
    test.each(cases)('$statement is $expected: $why', ({ statement, expected, reader }) => {
      const summaries = read(statement, reader);
      expect({ summaries, verdict: judge(rules, summaries).verdict }).toMatchObject({ verdict: expected });
    });
  });
}

test('the table holds 400 statements or more, each once for its rules and reader', () => {
  expect(ROWS.length).toBeGreaterThanOrEqual(400);
  const keys = ROWS.map(({ name, row: [statement, , , reader] }) => JSON.stringify([name, statement, reader]));
  expect(new Set(keys).size).toBe(keys.length);
});

test('a statement that cannot be read says so: no row is right for another reason than its own', () => {
  const wrong = ROWS.filter(({ row: [statement, , why, reader] }) => {
    const unread = !read(statement, reader).ok;
    return unread !== (why.startsWith('cannot be read') || why === 'could not be read');
  });
  expect(wrong.map(({ row }) => row)).toEqual([]);
});

describe('what clients and tools send by themselves is read, and passes rules against drop, truncate and rows that nobody chose', () => {
  const rules = compileStatementRules([
    { block: ['drop', 'truncate', 'delete without where', 'update without where'] },
  ]);
  test.each(CLIENTS.flatMap(({ client, reader, statements }) => statements.map((one) => ({ client, reader, one }))))(
    '$client: $one',
    ({ reader, one }) => {
      const summaries = read(one, reader);
      expect({ summaries, verdict: judge(rules, summaries).verdict }).toMatchObject({
        summaries: { ok: true },
        verdict: 'allow',
      });
    },
  );

  test('of sessions that only read, what they set needs no place in an allow list', () => {
    const reading = compileStatementRules([{ allow: ['select', 'show', 'explain'] }]);
    const stopped = CLIENTS.filter(({ reads }) => reads)
      .flatMap(({ reader, statements }) => statements.map((one) => ({ one, reader })))
      .filter(({ one, reader }) => judge(reading, read(one, reader)).verdict !== 'allow');
    expect(stopped).toEqual([]);
  });
});

test('every verb that a summary uses is a word that a rule may use', () => {
  const used = ROWS.flatMap(({ row: [statement, , , reader] }) => {
    const summaries = read(statement, reader);
    return summaries.ok ? [...summaries.value] : [];
  })
    .flatMap((summary) => [...everyStatement(summary)])
    .flatMap(({ acts, opaque }) => [
      ...acts.flatMap(({ verbs, also }) => [...verbs, ...(also ?? [])]),
      ...opaque.flatMap(({ verbs }) => verbs),
    ]);
  expect([...new Set(used)].filter((verb) => !VERBS.has(verb) && verb !== 'select into')).toEqual([]);
});

describe('a mutant never gets a milder verdict', () => {
  const strictness: Record<MysqlVerdict, number> = { allow: 0, warn: 1, hold: 2, block: 3 };
  for (const { name, statements, unparsable, rows } of MYSQL_RULE_SETS) {
    const rules = compileStatementRules(statements, unparsable);
    test(`under the rules "${name}"`, () => {
      const readable = rows.flatMap(([statement, , , reader = 'maria']) => {
        const summaries = read(statement, reader);
        if (!summaries.ok || summaries.value.length === 0 || reader === 'unknown') return [];
        const kinds = summaries.value.map(({ kind }) => kind);
        return [{ statement, reader, kinds, verdict: judge(rules, summaries).verdict }];
      });
      let refused = 0;
      let made = 0;
      const respelt = new Set<string>();
      fc.assert(
        fc.property(
          fc.constantFrom(...readable),
          fc.constantFrom(...MYSQL_WRAPPERS),
          fc.array(fc.nat(1_000), { minLength: 64, maxLength: 64 }),
          ({ statement, reader, kinds, verdict }, wrapper, numbers) => {
            const [kind = ''] = kinds;
            if (wrapper.around !== undefined && (kinds.length !== 1 || !wrapper.around.has(kind))) return;
            if (wrapper.readers !== undefined && !wrapper.readers.has(reader)) return;
            let at = 0;
            const choose = (below: number) => (numbers[at++ % numbers.length] ?? 0) % below;
            const mutant = wrapper.wrap(respellMysql(statement, reader, choose));
            made++;
            respelt.add(mutant);
            const summaries = read(mutant, reader);
            if (!summaries.ok) refused++;
            const got = judge(rules, summaries).verdict;
            if (strictness[got] < strictness[verdict]) throw new Error(`${verdict} became ${got}: ${mutant}`);
          },
        ),
        { numRuns: 1_500 },
      );
      // Mutants that cannot be read prove nothing.
      expect(refused).toBeLessThan(made * 0.1);
      expect(respelt.size).toBeGreaterThan(made * 0.5);
    });
  }
});
