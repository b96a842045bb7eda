import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadModule, parseSync } from 'libpg-query';
import { CONFORMING, MAX_TEXT_CHARACTERS, type PgTextSettings, summarizePostgres } from './postgres.ts';
import { SUMMARIZED_NODES, summarizeStatement } from './statements.ts';
import { children } from './tree.ts';
import { classesOf, everyStatement, relationsTouched } from '../statement.ts';

beforeAll(() => loadModule());

const read = (text: string) => summarizePostgres(parseSync, text, CONFORMING);
const summariesOf = (text: string) => {
  const summaries = read(text);
  if (!summaries.ok) throw new Error(summaries.error.message);
  return summaries.value;
};
const reasonOf = (text: string, settings: PgTextSettings = CONFORMING) => {
  const summaries = summarizePostgres(parseSync, text, settings);
  return summaries.ok ? 'read' : summaries.error.reason;
};

describe("the parser's own list of nodes", () => {
  const require = createRequire(import.meta.url);
  const types = readFileSync(
    createRequire(require.resolve('libpg-query'))
      .resolve('@pgsql/types')
      .replace(/index\.js$/, 'types.d.ts'),
    'utf8',
  );
  const nodes = [...types.slice(0, types.indexOf('export interface')).matchAll(/^ {4}(\w+): /gm)].map(
    ([, name = '']) => name,
  );
  /** Not what a client can send: made by the analyser, or parts of other statements. */
  const INNER = ['RawStmt', 'SetOperationStmt', 'ReturnStmt', 'PLAssignStmt', 'ReplicaIdentityStmt'];

  test('every statement of the grammar has a summary, and no other is claimed', () => {
    const statements = nodes.filter((name) => name.endsWith('Stmt'));
    expect(statements.length).toBeGreaterThan(110);
    expect(statements.filter((name) => !INNER.includes(name)).sort()).toEqual([...SUMMARIZED_NODES].sort());
  });

  test('a statement of the future is refused', () => {
    const future = (text: string) => ({ stmts: [{ stmt: { [text]: {} } }] });
    for (const name of [...INNER, 'TeleportStmt', 'constructor', '__proto__'])
      expect(summarizePostgres(future, name, CONFORMING)).toMatchObject({
        ok: false,
        error: { reason: 'unknown_node' },
      });
  });

  test('a node of the future within a statement is refused', () => {
    for (const inner of [{ Wormhole: {} }, { lower: 1 }, { TargetEntry: {} }, { Query: {} }]) {
      const where = { stmts: [{ stmt: { SelectStmt: { whereClause: inner } } }] };
      expect(summarizePostgres(() => where, 'x', CONFORMING)).toMatchObject({
        ok: false,
        error: { reason: 'unknown_node' },
      });
    }
  });

  test('an answer that is no tree is refused', () => {
    for (const answer of [null, undefined, 1, {}, { stmts: 1 }, { stmts: [1] }, { stmts: [{}] }, { stmts: [null] }])
      expect(summarizePostgres(() => answer, 'x', CONFORMING).ok).toBe(false);
  });

  test('a bare node is walked as the type that its field holds', () => {
    const interfaces = new Map(
      [...types.matchAll(/export interface (\w+) \{([^}]*)\}/g)].map(([, name = '', body = '']) => [
        name,
        [...body.matchAll(/(\w+)\?: (\w+);/g)].map(([, field = '', type = '']) => ({ field, type })),
      ]),
    );
    // Constants are not walked into; the analyser's fields never come.
    const skipped = new Set([
      'A_Const',
      'Query',
      'RangeTblEntry',
      'JsonExpr',
      'JsonTablePathScan',
      'JsonConstructorExpr',
      'PLAssignStmt',
    ]);
    const wrong: string[] = [];
    for (const [type, fields] of interfaces) {
      if (skipped.has(type) || !nodes.includes(type)) continue;
      for (const { field, type: fieldType } of fields) {
        if (!interfaces.has(fieldType) || ['viewQuery', 'funcexpr'].includes(field)) continue;
        let found: string | undefined;
        try {
          found = children({ type, fields: { [field]: { probe: 1 } } })[0]?.type;
        } catch {
          found = 'a throw';
        }
        if (found !== fieldType && fieldType !== 'JsonReturning')
          wrong.push(`${type}.${field}: ${fieldType}, ${found}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('a text that cannot be read', () => {
  test.each([
    ['select 1\0', 'nul'],
    ['select \ud800', 'encoding'],
    ["select '\ufffd'", 'encoding'],
    ['selec 1', 'syntax'],
    ['x'.repeat(MAX_TEXT_CHARACTERS + 1), 'too_long'],
  ])('%#: %s', (text, reason) => {
    expect(reasonOf(text)).toBe(reason);
  });

  test('a backslash counts while standard_conforming_strings is off or not known', () => {
    const unsure = { standardConformingStrings: undefined };
    expect(reasonOf("select '\\'")).toBe('read');
    expect(reasonOf("select '\\'", unsure)).toBe('string_syntax');
    expect(reasonOf("select '\\'", { standardConformingStrings: false })).toBe('string_syntax');
    expect(reasonOf("select 'x'", unsure)).toBe('read');
  });

  test('depth beyond the cap is refused, and the parser goes on', () => {
    expect(reasonOf(`select ${'('.repeat(200)}1${')'.repeat(200)}`)).toBe('read');
    expect(reasonOf(Array(20_000).fill('select 1').join(' union '))).toBe('too_deep');
    expect(reasonOf(`select ${'not '.repeat(5_000)}true`)).toBe('too_deep');
    expect(reasonOf(`select ${'a||'.repeat(3_000)}a`)).toBe('too_deep');
    expect(reasonOf(`select ${'(select '.repeat(3_000)}1${')'.repeat(3_000)}`)).toBe('too_deep');
    expect(reasonOf(`delete from t where ${'a||'.repeat(3_000)}a = b`)).toBe('too_deep');
    expect(reasonOf('select 1')).toBe('read');
  });

  test('no message quotes the text', () => {
    for (const text of ['select hunter2 from from', "select 'hunter2\0'", 'create hunter2 table']) {
      const summaries = read(text);
      // What the database says of it is for whoever sent it, and apart.
      expect(JSON.stringify(summaries, (key, value) => (key === 'said' ? undefined : value))).not.toContain('hunter2');
    }
  });
});

test('offsets are UTF-8 bytes', () => {
  const text = "select 'ü€😀'; delete from t";
  const [, second] = summariesOf(text);
  const bytes = new TextEncoder().encode(text);
  expect(new TextDecoder().decode(bytes.slice(second?.at.offset)).trim()).toBe('delete from t');
});

test('identifiers come as the server reads them: folded, unquoted, cut to 63 bytes', () => {
  const tables = relationsTouched(summariesOf(`select from A, "B""c", U&"d\\0061t", "${'x'.repeat(80)}", Éa`));
  expect(tables.map(({ name }) => name)).toEqual(['a', 'B"c', 'dat', 'x'.repeat(63), 'Éa']);
});

test('what a statement touches is listed with its strongest access', () => {
  const summaries = summariesOf(
    'with d as (delete from a returning *) insert into hr.b select * from d, a, c; drop table c',
  );
  expect(relationsTouched(summaries)).toEqual([
    { schema: 'hr', name: 'b', access: 'write' },
    { name: 'a', access: 'write' },
    { name: 'c', access: 'schema' },
  ]);
  expect([...classesOf(summaries)].sort()).toEqual(['read', 'schema', 'write']);
});

test('PREPARE and EXECUTE give their names', () => {
  const [prepared, executed] = summariesOf('prepare "P 1" as delete from t; execute "P 1"');
  expect(prepared).toMatchObject({ prepares: 'P 1', nested: [{ kind: 'delete' }] });
  expect(executed).toMatchObject({ executes: 'P 1' });
});

test('a statement is called by the narrowest of its names', () => {
  const kinds = [
    'drop table t',
    'create index on t (a)',
    'set local role x',
    'copy t to program $$x$$',
    'alter system reset all',
    'begin',
    'explain analyze select 1',
    'select 1 into t',
    'rollback to a',
  ];
  expect(kinds.map((text) => summariesOf(text)[0]?.kind)).toEqual([
    'drop table',
    'create index',
    'set role',
    'copy program',
    'alter system',
    'begin',
    'explain',
    'select into',
    'rollback',
  ]);
});

test('every statement has an act', () => {
  for (const text of [
    'select 1',
    'begin',
    'vacuum',
    'drop role x',
    'checkpoint',
    'do $$x$$',
    'fetch c',
    'show x',
    'values (1)',
    'create type t as enum ()',
  ]) {
    for (const summary of summariesOf(text).flatMap((one) => [...everyStatement(one)]))
      expect(summary.acts.length).toBeGreaterThan(0);
  }
});

test('a summary is made of a node alone', () => {
  expect(summarizeStatement({ type: 'CheckPointStmt', fields: {} }, { offset: 0, length: 0 })).toMatchObject({
    kind: 'checkpoint',
  });
});

test('a text that does too many things at once is not judged, and one that does one thing often is', () => {
  expect(read('select 1;'.repeat(10_001))).toMatchObject({ ok: false, error: { reason: 'too_long' } });
  expect(read(`select * from ${Array.from({ length: 20_001 }, (_, i) => `t${i}`).join()}`).ok).toBe(false);
  const inserted = read(`insert into t values ${'(now()),'.repeat(20_000)}(now())`);
  expect(inserted.ok && inserted.value[0]?.acts.length).toBe(2);
});
