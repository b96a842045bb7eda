import { beforeAll, describe, expect, test } from 'vitest';
import { compileStatementRules, judge } from '../../core/policy/sections/statements.ts';
import { CONFORMING, summarizePostgres } from '../../core/sql/postgres/postgres.ts';
import { everyStatement } from '../../core/sql/statement.ts';
import { VERBS } from '../../core/sql/vocabulary.ts';
import { loadModule, parseSync } from 'libpg-query';
import fc from 'fast-check';
import { respell, WRAPPERS } from './mutations.ts';
import { RULE_SETS } from './postgres.ts';
import type { Expected } from './rule-set.ts';

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

test('a statement that does not parse says so: no row is right for another reason than its own', () => {
  const wrong = RULE_SETS.flatMap(({ rows }) => rows).filter(([statement, , why]) => {
    const unread = !summarizePostgres(parseSync, statement, CONFORMING).ok;
    return unread !== /does not parse|NUL|could not be read/.test(why) && why !== 'cannot be read';
  });
  expect(wrong).toEqual([]);
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

describe('a mutant never gets a milder verdict', () => {
  const strictness: Record<Expected, number> = { allow: 0, warn: 1, hold: 2, block: 3 };
  for (const { name, statements, unparsable, rows } of RULE_SETS) {
    const rules = compileStatementRules(statements, unparsable);
    test(`under the rules "${name}"`, () => {
      const readable = rows
        .map(([statement]) => ({ statement, read: summarizePostgres(parseSync, statement, CONFORMING) }))
        .flatMap(({ statement, read }) => {
          if (!read.ok || read.value.length === 0 || /[^\x20-\x7e\s]/.test(statement)) return [];
          return [{ statement, read, kinds: read.value.map(({ kind }) => kind), verdict: judge(rules, read).verdict }];
        });
      let refused = 0;
      let made = 0;
      const respelt = new Set<string>();
      fc.assert(
        fc.property(
          fc.constantFrom(...readable),
          fc.constantFrom(...WRAPPERS),
          fc.array(fc.nat(1_000), { minLength: 64, maxLength: 64 }),
          ({ statement, kinds, verdict }, wrapper, numbers) => {
            const [kind = ''] = kinds;
            const fits = wrapper.around === undefined || (kinds.length === 1 && wrapper.around.has(kind));
            if (!fits) return;
            let at = 0;
            const mutant = wrapper.wrap(respell(statement, (below) => (numbers[at++ % numbers.length] ?? 0) % below));
            made++;
            respelt.add(mutant);
            const read = summarizePostgres(parseSync, mutant, CONFORMING);
            // Not a statement any more, so the server refuses it too.
            if (!read.ok) refused++;
            else if (strictness[judge(rules, read).verdict] < strictness[verdict])
              throw new Error(`${verdict} became ${judge(rules, read).verdict}: ${mutant}`);
          },
        ),
        { numRuns: 400 },
      );
      // Mutants that do not parse prove nothing.
      expect(refused).toBeLessThan(made * 0.1);
      expect(respelt.size).toBeGreaterThan(made * 0.5);
    });
  }
});
