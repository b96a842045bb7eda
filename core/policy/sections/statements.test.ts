import { beforeAll, describe, expect, test } from 'vitest';
import { loadModule, parseSync } from 'libpg-query';
import { CONFORMING, type PgTextSettings, summarizePostgres } from '../../sql/postgres/postgres.ts';
import type { StatementSummary } from '../../sql/statement.ts';
import { VERBS } from '../../sql/vocabulary.ts';
import { createJudge } from './judge.ts';
import { describeMistake, parsePolicy } from '../parse.ts';
import { glob } from './glob.ts';
import { parsePattern } from './statement-patterns.ts';
import { compileStatementRules, judge, type SessionNames, StatementEntry } from './statements.ts';

beforeAll(() => loadModule());

const rulesOf = (...entries: unknown[]) => compileStatementRules(entries.map((entry) => StatementEntry.parse(entry)));
const read = (text: string) => summarizePostgres(parseSync, text, CONFORMING);
const judged = (rules: ReturnType<typeof rulesOf>, text: string, session?: SessionNames) =>
  judge(rules, read(text), session);

const POLICY = `administrators: ["x:a"]
rules:
  - name: orders
    resources: {}
    who: [everyone]
    access: { ttl: 1h }
    statements:
      - { block: [drop, "delete without where"], hint: Ask first. }
      - { hold: [grant], approval: { from: ["x:dba"], within: 5m } }
`;
const mistakesOf = (text: string) => {
  const parsed = parsePolicy(text);
  return parsed.ok ? [] : parsed.error.map(describeMistake);
};

describe('in a policy', () => {
  test('statements come out with durations in milliseconds', () => {
    const parsed = parsePolicy(POLICY);
    expect(parsed.ok && parsed.value.rules[0]?.statements).toEqual([
      { block: ['drop', 'delete without where'], hint: 'Ask first.' },
      { hold: ['grant'], approval: { from: ['x:dba'], count: 1, within: 300_000 } },
    ]);
  });

  test.each([
    [
      'a misspelt kind',
      '[drop,',
      '[dorp,',
      /^line 8, column 19: rules\[0\]\.statements\[0\]\.block\[0\]: "dorp" names no kind of statement; did you mean "drop"\?$/,
    ],
    [
      'a misspelt condition',
      'delete without where',
      'delete withuot where',
      /"delete withuot where" names no kind of statement; did you mean "delete without where"\?/,
    ],
    [
      'a condition on what has none',
      '"delete without where"',
      '"select without where"',
      /only delete, update and merge can be "without where"/,
    ],
    [
      'a table that is no name',
      '"delete without where"',
      '"select on a.b.c"',
      /"a\.b\.c" is no name: expected a table or schema\.table/,
    ],
    [
      'a name that is too long',
      '"delete without where"',
      `"select on ${'x'.repeat(64)}"`,
      /longer than any name can be/,
    ],
    ['a pattern without end', '"delete without where"', `"${'drop '.repeat(100)}"`, /is longer than 300 characters/],
    ['an empty pattern', '"delete without where"', '" "', /is empty/],
    ['an empty list', '[grant]', '[]', /^line 9, column 11: rules\[0\]\.statements\[1\]\.hold: /],
    [
      'a misspelt effect',
      'block:',
      'blok:',
      /^line 8, column 11: rules\[0\]\.statements\[0\]\.blok: is not known here; did you mean block\?$/,
    ],
    [
      'two effects',
      'hint: Ask first.',
      'allow: [select]',
      /^line 8, column 9: rules\[0\]\.statements\[0\]: expected exactly one of allow, block, hold, warn$/,
    ],
    [
      'a hold that nobody can approve',
      ', approval: { from: ["x:dba"], within: 5m }',
      '',
      /^line 9, column 9: rules\[0\]\.statements\[1\]: hold needs an approval/,
    ],
    ['an approval of a block', 'hint: Ask first.', 'approval: { from: [dba] }', /only hold takes an approval/],
    [
      'an unknown verdict',
      '    statements:',
      '    unparsable: maybe\n    statements:',
      /^line 7, column 5: rules\[0\]\.unparsable: /,
    ],
  ])('%s is named with its place', (_name, from, to, expected) => {
    expect(mistakesOf(POLICY.replace(from, to))[0]).toMatch(expected);
  });

  test('unparsable: hold needs somebody to ask', () => {
    const held = POLICY.replace('    statements:', '    unparsable: hold\n    statements:');
    expect(mistakesOf(held)).toEqual([]);
    expect(mistakesOf(held.replace(/ {6}- \{ hold.*\n/, ''))[0]).toMatch(
      /^line 7, column 5: rules\[0\]\.unparsable: hold needs/,
    );
    expect(mistakesOf(POLICY.replace(/ {4}statements:[\s\S]*$/, '    unparsable: block\n'))[0]).toMatch(
      /says nothing without statements/,
    );
  });
});

test('every word of the vocabulary is a pattern', () => {
  for (const verb of VERBS) if (verb !== 'function') expect(parsePattern(verb)).toMatchObject({ ok: true });
  for (const text of [
    'DROP  Table',
    '* on "Odd ""Name"""',
    'role bob',
    'set session authorization bob',
    'function pg_catalog.lo_*()',
    'reset role',
    'delete on a.b without where',
    'delete without where on a.b',
    'write on hr.*',
  ])
    expect([text, parsePattern(text)]).toMatchObject([text, { ok: true }]);
  for (const text of [
    'drop on',
    'function',
    'role',
    'on t',
    'set role a.b',
    'select on',
    'set local x',
    'drop tables',
    '*.* on t',
  ])
    expect([text, parsePattern(text)]).toMatchObject([text, { ok: false }]);
});

test('a star stands for any text', () => {
  expect(glob('a*c*e', 'abcde')).toBe(true);
  expect(glob('a*a', 'a')).toBe(false);
  expect(glob('*', '')).toBe(true);
  expect(glob('*b*', 'abc')).toBe(true);
  expect(glob('a*bc*c', 'abc')).toBe(false);
});

describe('judging', () => {
  test('the first of the strictest entries is named, with its hint', () => {
    const rules = rulesOf({ warn: ['drop'] }, { block: ['drop table'], hint: 'Ask first.' }, { block: ['*'] });
    expect(judged(rules, 'drop table t')).toEqual({
      section: 'statements',
      verdict: 'block',
      entry: 1,
      pattern: 'drop table',
      why: 'it is what "drop table" names',
      hint: 'Ask first.',
    });
  });

  test('what an allow list leaves out is named', () => {
    expect(judged(rulesOf({ allow: ['select'] }), 'insert into hr.t values (1)').why).toBe(
      'insert on hr.t is not in the allow list',
    );
  });

  test('without entries everything passes; warnings alone let the unreadable pass', () => {
    expect(judged(rulesOf(), 'do $$x$$').verdict).toBe('allow');
    expect(judged(rulesOf({ warn: ['drop'] }), 'not sql').verdict).toBe('allow');
    expect(judged(rulesOf({ block: ['drop'] }), 'not sql')).toMatchObject({ verdict: 'block', unreadable: true });
  });

  test('no decision quotes a statement', () => {
    const rules = rulesOf({ allow: ['select on t'] });
    for (const text of [
      "select 'hunter2' from u",
      "insert into t values ('hunter2')",
      "do 'hunter2'",
      'hunter2 hunter2',
    ])
      expect(JSON.stringify(judged(rules, text))).not.toContain('hunter2');
  });

  test('a prepared name is judged by what it stands for, in a circle too', () => {
    const rules = rulesOf({ block: ['delete without where'] });
    const names = new Map<string, readonly StatementSummary[]>();
    const session: SessionNames = { prepared: (name) => names.get(name) };
    const keep = (name: string, text: string) => {
      const summaries = read(text);
      if (summaries.ok) names.set(name, summaries.value);
    };
    keep('good', 'select 1');
    keep('bad', 'delete from t');
    keep('round', 'execute round');
    expect(['good', 'bad', 'round', 'other'].map((name) => judged(rules, `execute ${name}`, session).verdict)).toEqual([
      'allow',
      'block',
      'block',
      'block',
    ]);
  });

  test('a known search path decides where a name without a schema leads', () => {
    const rules = rulesOf({ block: ['* on hr.*'] });
    const under = (searchPath: string[] | undefined): SessionNames => ({ prepared: () => undefined, searchPath });
    expect(judged(rules, 'select * from t', under(['public'])).verdict).toBe('allow');
    expect(judged(rules, 'select * from t', under(['public', 'hr'])).verdict).toBe('block');
    expect(judged(rules, 'select * from t', under(undefined)).verdict).toBe('block');
    expect(judged(rules, 'set search_path = hr; select * from t', under(['public'])).verdict).toBe('block');
    expect(judged(rules, 'begin; select * from t', under(['public'])).verdict).toBe('allow');
    const allowing = rulesOf({ allow: ['select on public.t'] });
    expect(judged(allowing, 'select * from t', under(['public'])).verdict).toBe('allow');
    expect(judged(allowing, 'select * from t', under(['evil', 'public'])).verdict).toBe('block');
  });

  test('a name of the system catalogue leads there, whatever the search path', () => {
    const under: SessionNames = { prepared: () => undefined, searchPath: ['public'] };
    expect(judged(rulesOf({ allow: ['select on public.*'] }), 'select * from pg_authid', under).verdict).toBe('block');
    expect(judged(rulesOf({ block: ['* on pg_catalog.*'] }), 'select * from pg_authid', under).verdict).toBe('block');
    expect(judged(rulesOf({ block: ['* on pg_catalog.*'] }), 'select * from t', under).verdict).toBe('allow');
  });
});

describe('the cache', () => {
  const session = { settings: CONFORMING, prepared: () => undefined };
  const judgeWith = (maxBytes: number) => {
    const texts: string[] = [];
    const made = createJudge<PgTextSettings>({
      usual: CONFORMING,
      maxBytes,
      summarize: (text, settings) => {
        texts.push(text);
        return summarizePostgres(parseSync, text, settings);
      },
    });
    return { made, texts };
  };

  test('a text is read once under its rules, and again under new ones', () => {
    const { made, texts } = judgeWith(1 << 20);
    const rules = rulesOf({ block: ['drop'] });
    const first = made.under(rules).decide('drop table t', session);
    expect(made.under(rules).decide('drop table t', session)).toBe(first);
    expect(texts).toHaveLength(1);
    expect(made.under(rulesOf({ warn: ['drop'] })).decide('drop table t', session).decision.verdict).toBe('warn');
    expect(first.decision.verdict).toBe('block');
  });

  test('other settings are never served from it', () => {
    const { made } = judgeWith(1 << 20);
    const under = made.under(rulesOf({ block: ['drop'] }));
    const text = "select '\\'";
    expect(under.decide(text, session).decision.verdict).toBe('allow');
    expect(under.decide(text, { ...session, settings: { standardConformingStrings: false } }).decision.verdict).toBe(
      'block',
    );
    expect(under.decide(text, session).decision.verdict).toBe('allow');
  });

  test('what hangs on the session is decided each time', () => {
    const { made } = judgeWith(1 << 20);
    const under = made.under(rulesOf({ block: ['* on hr.*'] }));
    const decide = (searchPath: string[] | undefined) =>
      under.decide('select * from t', { ...session, searchPath }).decision.verdict;
    expect([decide(['public']), decide(['hr']), decide(undefined), decide(['public'])]).toEqual([
      'allow',
      'block',
      'block',
      'allow',
    ]);
    const path = ['public'];
    const first = under.decide('select * from t', { ...session, searchPath: path });
    expect(under.decide('select * from t', { ...session, searchPath: path })).toBe(first);
    const execute = (text: string) => {
      const summaries = read(text);
      return under.decide('execute p', { ...session, prepared: () => (summaries.ok ? summaries.value : undefined) })
        .decision.verdict;
    };
    expect([execute('select 1'), execute('select * from hr.x'), execute('select 1')]).toEqual([
      'allow',
      'block',
      'allow',
    ]);
  });

  test('memory stays within its bound, over all rules, and what is in use stays', () => {
    const maxBytes = 200_000;
    const { made, texts } = judgeWith(maxBytes);
    const all = [rulesOf({ block: ['drop'] }), rulesOf({ block: ['alter'] })];
    for (let i = 0; i < 1_000; i++) {
      for (const rules of all) {
        made.under(rules).decide('select used', session);
        made.under(rules).decide(`select ${i}`, session);
      }
      expect(made.bytes).toBeLessThanOrEqual(maxBytes * 1.05);
    }
    expect(texts.filter((text) => text === 'select used')).toHaveLength(2);
    made.under(all[0] ?? rulesOf()).decide(`select '${'x'.repeat(maxBytes)}'`, session);
    expect(made.bytes).toBeLessThanOrEqual(maxBytes * 1.05);
  });
});
