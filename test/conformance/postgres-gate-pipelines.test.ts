// Refusals in the middle of pipelines: answers keep their order, nothing hangs, and the transaction is
// what the server would have made of any error. The same messages are sent to the server itself, with a
// statement that fails for its syntax in place of the blocked one, and the answers compared.

import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as say from '../harness/postgres/client-messages.ts';
import { answersOf, type Guarded, startGuarded } from '../harness/guarded.ts';
import type { RawPeer } from '../harness/postgres/raw-postgres.ts';

let g: Guarded;

beforeAll(async () => {
  g = await startGuarded();
});

afterAll(() => g?.close());

beforeEach(() => {
  g.leave();
  g.gateway.log.sessions.length = 0;
  g.rules([{ block: ['drop'] }]);
});

/** What is blocked here fails for its syntax there. */
type Script = (blocked: string) => readonly Buffer[];

async function answers(peer: RawPeer, messages: readonly Buffer[], readies: number, splits: readonly number[] = []) {
  const bytes = Buffer.concat(messages);
  let from = 0;
  for (const at of [...splits].sort((a, b) => a - b)) {
    const to = at % bytes.length;
    if (to <= from) continue;
    peer.send(bytes.subarray(from, to));
    from = to;
    await new Promise((resolve) => setImmediate(resolve));
  }
  peer.send(bytes.subarray(from));
  const seen: string[] = [];
  for (let i = 0; i < readies; i++) seen.push(...answersOf(await peer.upTo('Z')));
  return seen;
}

/** The code of a blocked statement is the gateway's; everything else is the server's. */
const likeBlocked = (seen: readonly string[]) => seen.map((one) => (one === 'E 42601' ? 'E 42501' : one));

async function same(script: Script, readies: number): Promise<string[]> {
  const through = await answers(await g.session(), script('drop table x'), readies);
  const past = await answers(await g.session('gateway'), script('dorp table x'), readies);
  expect(through).toEqual(likeBlocked(past));
  expect(through).toContain('E 42501');
  return through;
}

describe('a refusal agrees with the server', () => {
  const table = say.query('create temp table p (id int)');
  const insert = (id: number) => say.run(`insert into p values (${id})`);

  it('in a Query of several statements', async () => {
    await same(
      (blocked) => [table, say.query(`insert into p values (1); ${blocked}`), say.query('select * from p')],
      3,
    );
  });

  it('in a transaction, and in one that has failed', async () => {
    await same(
      (blocked) => [
        ...['begin', blocked, 'select 1', blocked, 'rollback', 'select 2'].map(say.query),
        ...['begin', 'select 1/0', blocked, 'commit'].map(say.query),
      ],
      10,
    );
  });

  it('at a Parse behind statements that are not answered yet: they are rolled back', async () => {
    const seen = await same(
      (blocked) => [table, insert(1), say.run(blocked), insert(2), say.sync(), say.query('select * from p')],
      3,
    );
    expect(seen.slice(2)).toEqual(['1', '2', 'n', 'C INSERT 0 1', 'E 42501', 'Z I', 'T', 'C SELECT 0', 'Z I']);
  });

  it('in each part of a pipeline with several Syncs', async () => {
    await same(
      (blocked) => [
        table,
        ...[insert(1), say.run(blocked), say.sync()],
        ...[say.run(blocked), insert(2), say.sync()],
        ...[insert(3), say.sync(), say.query('select id from p')],
      ],
      5,
    );
  });

  it('with a Flush in place of the Sync: the error comes without one', async () => {
    const peer = await g.session();
    peer.send(say.run('select 1'), say.run('drop table x'), say.run('select 2'), say.flush());
    expect(answersOf(await peer.upTo('E'))).toEqual(['1', '2', 'T', 'D', 'C SELECT 1', 'E 42501']);
    peer.send(say.run('select 3'), say.sync(), say.query('select 4'));
    expect(answersOf(await peer.upTo('Z'))).toEqual(['Z I']);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['T', 'D', 'C SELECT 1', 'Z I']);
  });

  it('with neither: the error comes even so', async () => {
    const peer = await g.session();
    peer.send(say.run('drop table x'));
    expect(answersOf(await peer.upTo('E'))).toEqual(['E 42501']);
    peer.send(say.sync());
    expect(answersOf(await peer.upTo('Z'))).toEqual(['Z I']);
  });

  it('behind a statement that fails itself: it is passed over', async () => {
    const peer = await g.session();
    peer.send(say.run('select 1/0'), say.run('drop table x'), say.sync(), say.query('drop table x'));
    expect(answersOf(await peer.upTo('Z'))).toEqual(['1', 'E 22012', 'Z I']);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42501', 'Z I']);
    peer.socket.end();
    const recording = await g.recorded();
    const codes = recording.facts('statement.finished').map(({ error }) => error?.code);
    expect(codes).toEqual(['skipped', '22012', 'skipped', '42501']);
  });

  it('drops the unnamed statement as a failed Parse does', async () => {
    await same(
      (blocked) => [
        ...[say.parse('', 'select 1'), say.sync(), say.parse('', blocked), say.sync()],
        ...[say.bind('', ''), say.execute(), say.sync()],
      ],
      3,
    );
  });

  it('behind and in front of COPY data', async () => {
    const rows = [Buffer.from('d\0\0\0\x061\n', 'latin1'), Buffer.from('c\0\0\0\x04', 'latin1')];
    const peer = await g.session();
    expect(await answers(peer, [table, say.query('copy p from stdin')], 1)).toContain('C CREATE TABLE');
    expect(answersOf(await peer.upTo('G'))).toEqual(['G']);
    peer.send(...rows, say.query('drop table x'), say.query('select * from p'));
    expect(answersOf(await peer.upTo('Z'))).toEqual(['C COPY 1', 'Z I']);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42501', 'Z I']);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['T', 'D', 'C SELECT 1', 'Z I']);
  });
});

describe('a name', () => {
  it('is judged by what it was prepared as in SQL, by every EXECUTE', async () => {
    g.rules([{ block: ['delete without where'] }]);
    const peer = await g.session();
    peer.send(say.query('create temp table p (id int)'), say.query('prepare s as delete from p where id = 1'));
    peer.send(say.query('execute s'));
    for (const tag of ['C CREATE TABLE', 'C PREPARE', 'C DELETE 0'])
      expect(answersOf(await peer.upTo('Z'))).toEqual([tag, 'Z I']);
    g.gateway.edge.applyRules(g.rules([{ block: ['delete'] }]));
    peer.send(say.query('execute s'), say.bind('', 's'), say.execute(), say.sync());
    expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42501', 'Z I']);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42501', 'Z I']);
  });

  it('is judged again at Bind and at Execute under the rules of then', async () => {
    const peer = await g.session();
    peer.send(say.query('create temp table p (id int)'), say.parse('s', 'delete from p'), say.sync());
    await peer.upTo('Z');
    await peer.upTo('Z');
    peer.send(say.query('begin'), say.bind('c', 's'), say.flush());
    await peer.upTo('2');
    g.gateway.edge.applyRules(g.rules([{ block: ['delete'] }]));
    peer.send(say.execute('c'), say.sync(), say.query('rollback'), say.bind('', 's'), say.execute(), say.sync());
    expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42501', 'Z E']);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['C ROLLBACK', 'Z I']);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42501', 'Z I']);
  });

  it('that turns out to be taken still stands for what it was', async () => {
    const peer = await g.session();
    peer.send(say.query('create temp table p (id int)'), say.parse('s', 'delete from p'), say.sync());
    await peer.upTo('Z');
    await peer.upTo('Z');
    g.gateway.edge.applyRules(g.rules([{ block: ['delete'] }]));
    // The server refuses both names, so what runs is the old statement.
    peer.send(say.parse('s', 'select 1'), say.sync(), say.bind('', 's'), say.execute(), say.sync());
    expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42P05', 'Z I']);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42501', 'Z I']);
    peer.send(say.query('prepare s as select 1'), say.query('execute s'));
    expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42P05', 'Z I']);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42501', 'Z I']);
  });

  it('that was free means the new statement at once', async () => {
    g.rules([{ block: ['delete'] }]);
    const peer = await g.session();
    peer.send(say.run('select 1'), say.sync(), say.run('select 2'), say.sync(), say.query('prepare s as select 3'));
    peer.send(say.query('execute s; deallocate all; select 1'));
    peer.send(say.parse('s', 'select 4'), say.bind('', 's'), say.execute(), say.sync());
    for (let i = 0; i < 5; i++) expect(answersOf(await peer.upTo('Z')).join(' ')).not.toContain('E 4');
  });

  it('made by a text that nobody read is not known', async () => {
    g.rules([{ block: ['drop'] }], { statements: undefined as never });
    const peer = await g.session();
    peer.send(say.parse('s', 'select 1'), say.sync(), say.query('deallocate s; prepare s as select 2'));
    await peer.upTo('Z');
    await peer.upTo('Z');
    g.gateway.edge.applyRules(g.rules([{ block: ['drop'] }]));
    peer.send(say.bind('', 's'), say.execute(), say.sync());
    expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42501', 'Z I']);
  });
});

describe('a setting that says what a text means', () => {
  const quoted = String.raw`select 'a\' || '; drop table x; --'`;

  it('counts as the server reports it', async () => {
    const peer = await g.session();
    peer.send(say.query(quoted));
    expect(answersOf(await peer.upTo('Z'))).toEqual(['T', 'D', 'C SELECT 1', 'Z I']);
    peer.send(say.query('set standard_conforming_strings = off'));
    expect(answersOf(await peer.upTo('Z'))).toEqual(['C SET', 'S', 'Z I']);
    peer.send(say.query(quoted));
    expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42501', 'Z I']);
  });

  it('is not certain while it may be changing: a text that can be read in two ways is not read', async () => {
    for (const change of ['set standard_conforming_strings = off', 'do $$ begin perform 1; end $$']) {
      g.rules([{ block: ['drop'] }, { allow: ['*', 'do'] }]);
      const peer = await g.session();
      peer.send(say.query(change), say.query(quoted));
      await peer.upTo('Z');
      expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42501', 'Z I']);
      peer.send(say.query('set standard_conforming_strings = on'));
      await peer.upTo('Z');
      peer.send(say.query(quoted));
      expect(answersOf(await peer.upTo('Z'))).toContain('C SELECT 1');
    }
  });
});

it('node-postgres gets the error of its own query, and goes on', async () => {
  const client = new pg.Client({
    host: g.gateway.host,
    port: g.gateway.port,
    user: 'alice@example.com',
    database: 'demo',
    password: g.secret,
  });
  await client.connect();
  const all = await Promise.allSettled([
    client.query('select $1::int as a', [1]),
    client.query({ name: 'd', text: 'drop table x' }),
    client.query('drop table x'),
    client.query({ name: 's', text: 'select $1::int as a', values: [2] }),
  ]);
  expect(
    all.map((one) => (one.status === 'fulfilled' ? one.value.rows : (one.reason as { code: string }).code)),
  ).toEqual([[{ a: 1 }], '42501', '42501', [{ a: 2 }]]);
  await client.end();
});

describe('any pipeline', () => {
  const texts = [
    'select 1',
    'insert into p values (1)',
    'select 1/0',
    'BLOCKED',
    'begin',
    'commit',
    'rollback',
    'select * from p',
    '',
  ];
  const text = fc.constantFrom(...texts);
  const name = fc.constantFrom('', 's');
  const step = fc.oneof(
    { weight: 3, arbitrary: text.map((of) => ({ kind: 'run' as const, of })) },
    { weight: 2, arbitrary: text.map((of) => ({ kind: 'query' as const, of })) },
    { weight: 2, arbitrary: fc.tuple(name, text).map(([as, of]) => ({ kind: 'parse' as const, as, of })) },
    { weight: 2, arbitrary: fc.tuple(name, name).map(([as, of]) => ({ kind: 'bind' as const, as, of })) },
    { weight: 2, arbitrary: name.map((of) => ({ kind: 'execute' as const, of })) },
    { weight: 1, arbitrary: name.map((of) => ({ kind: 'describe' as const, of })) },
    { weight: 1, arbitrary: name.map((of) => ({ kind: 'close' as const, of })) },
    { weight: 1, arbitrary: fc.constant({ kind: 'flush' as const }) },
    { weight: 3, arbitrary: fc.constant({ kind: 'sync' as const }) },
  );
  type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
  const messageOf = (one: Step, blocked: string): Buffer => {
    const of = 'of' in one ? one.of.replace('BLOCKED', blocked) : '';
    switch (one.kind) {
      case 'run':
        return say.run(of);
      case 'query':
        return say.query(of);
      case 'parse':
        return say.parse(one.as, of);
      case 'bind':
        return say.bind(one.as, of);
      case 'execute':
        return say.execute(of);
      case 'describe':
        return say.describeStatement(of);
      case 'close':
        return say.closeStatement(of);
      case 'flush':
        return say.flush();
      case 'sync':
        return say.sync();
    }
  };

  it('with refusals in it gets the answers that the server gives, however it is cut', async () => {
    const through = await g.session();
    const past = await g.session('gateway');
    const end = [say.sync(), say.query('rollback'), say.query('deallocate all'), say.query("select 'end'")];
    const play = async (peer: RawPeer, messages: readonly Buffer[], splits: readonly number[]) => {
      const bytes = Buffer.concat([...messages, ...end]);
      let from = 0;
      for (const at of splits.map((one) => one % bytes.length).sort((a, b) => a - b)) {
        if (at <= from) continue;
        peer.send(bytes.subarray(from, at));
        from = at;
        await new Promise((resolve) => setImmediate(resolve));
      }
      peer.send(bytes.subarray(from));
      const seen: string[] = [];
      for (;;) {
        const upTo = await peer.upTo('Z');
        seen.push(...answersOf(upTo));
        if (upTo.some(({ type, body }) => type === 'D' && body.toString().endsWith('end'))) return seen;
      }
    };
    for (const peer of [through, past]) await answers(peer, [say.query('create temp table p (id int)')], 1);
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 14 }),
        fc.array(fc.nat(2000), { maxLength: 4 }),
        async (steps, splits) => {
          const one = await play(
            through,
            steps.map((s) => messageOf(s, 'drop table x')),
            splits,
          );
          const other = await play(
            past,
            steps.map((s) => messageOf(s, 'dorp table x')),
            [],
          );
          // PostgreSQL 18 says "StartTransactionCommand: unexpected state STARTED" to whatever text comes behind some
          // pipelines with a Query in them: to one that is blocked as well.
          const confused = (code: string, index: number) => code === 'E XX000' && one[index] === 'E 42501';
          const expected = likeBlocked(other).map((code, index) => (confused(code, index) ? 'E 42501' : code));
          expect(one).toEqual(expected);
        },
      ),
      { numRuns: 300, endOnFailure: true, ...(process.env.FC_SEED && { seed: Number(process.env.FC_SEED) }) },
    );
    through.socket.end();
    const recording = await g.recorded();
    expect(recording.facts('action.refused').length).toBeGreaterThan(20);
    const started = recording.facts('statement.started').map(({ action }) => action);
    const finished = recording.facts('statement.finished').map(({ action }) => action);
    expect([...finished].sort((a, b) => a - b)).toEqual(started);
  });
});
