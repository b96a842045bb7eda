// Statements that wait for an approval: what the client is told, what goes on, and what ends the wait.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cancelRequest } from '../../connector/protocols/postgres/wire/messages.ts';
import {
  bind,
  describePortal,
  execute,
  parse,
  query,
  run as runMessages,
  sync,
} from '../harness/postgres/client-messages.ts';
import { answersOf, fieldsOf, findPsql, type Guarded, inShort, startGuarded } from '../harness/guarded.ts';
import { dialRaw, logInRaw } from '../harness/postgres/raw-postgres.ts';
import { until } from '../harness/run.ts';

let g: Guarded;

beforeAll(async () => {
  g = await startGuarded();
});

afterAll(() => g?.close());

beforeEach(async () => {
  g.leave();
  g.gateway.log.sessions.length = 0;
  g.gateway.edge.held.length = 0;
  g.rules([{ hold: ['delete'], approval: { from: ['dba'], count: 1, within: 300_000 } }, { block: ['drop'] }]);
  await g.sql('drop table if exists t; create table t as select g as id from generate_series(1, 3) g');
});

const rows = () => g.sql('select count(*) from t');
const approved = { kind: 'approved', by: ['bob@example.com'], comment: '' } as const;
const denied = { kind: 'denied', by: ['bob@example.com'], comment: 'not today' } as const;

describe('psql', () => {
  it('sees the link while it waits, and goes on when it is approved', async () => {
    const ran = g.psql('-At', '-c', 'delete from t where id = 1', '-c', 'select count(*) from t');
    const held = await g.held();
    expect(held.asked).toMatchObject({
      rule: 'orders-prod',
      action: {
        kind: 'statement',
        text: 'delete from t where id = 1',
        parameters: [],
        touches: ['t'],
        inTransaction: false,
      },
    });
    expect(held.asked.action.estimate?.rows).toBeGreaterThanOrEqual(0);
    expect(held.asked.action.digest).toBe(createHash('sha256').update('Q\0delete from t where id = 1').digest('hex'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await rows()).toBe('3');
    held.decide(approved);
    const { stdout, stderr } = await ran;
    expect(stderr).toContain('NOTICE:  00000: Gatehouse: Rule orders-prod holds this statement for an approval');
    expect(stderr).toContain(`https://gatehouse.test/requests/${held.asked.request}`);
    expect(stdout).toBe('DELETE 1\n2\n');
    const recording = await g.recorded();
    expect(recording.facts('action.held')).toMatchObject([{ action: 1, pattern: 'delete' }]);
    expect(recording.facts('hold.resolved')).toMatchObject([{ action: 1, outcome: 'approved' }]);
  });

  it.each([
    ['denied', denied, '42501', 'Denied by bob@example.com (rule orders-prod): not today'],
    ['expired', { kind: 'expired', by: [], comment: '' }, '42501', 'Nobody approved it in time'],
    ['failed', { kind: 'failed', by: [], comment: 'No approver.' }, '42501', 'could not be held'],
  ] as const)('is told when it is %s, and nothing ran', async (_name, outcome, code, words) => {
    const ran = g.psql('-At', '-c', 'delete from t where id = 1', '-c', 'select count(*) from t');
    (await g.held()).decide({ ...outcome, by: [...outcome.by] });
    const { stdout, stderr } = await ran;
    expect(stderr).toContain(`ERROR:  ${code}: Gatehouse: `);
    expect(stderr).toContain(words);
    expect(stdout).toBe('3\n');
  });

  it('withdraws with Ctrl-C', async () => {
    const child = spawn(findPsql(), ['-XAt', '-v', 'VERBOSITY=verbose'], { env: { ...process.env, ...g.env } });
    const closed = new Promise((resolve) => child.once('close', resolve));
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.stdin.write('delete from t where id = 1;\n');
    await g.held();
    await until('the link was shown', () => output.includes('https://gatehouse.test'));
    child.kill('SIGINT');
    await closed;
    expect(output).toContain('ERROR:  57014: Gatehouse: Withdrawn while it waited');
    const recording = await g.recorded();
    expect(recording.facts('cancel.requested')).toHaveLength(1);
    expect(recording.facts('hold.resolved')).toMatchObject([{ outcome: 'withdrawn' }]);
    expect(recording.facts('action.refused')).toMatchObject([{ reason: 'hold_withdrawn' }]);
    expect(await rows()).toBe('3');
  });

  it('withdraws by being killed, at once, and nothing that it sent goes on', async () => {
    const child = spawn(findPsql(), ['-XAt'], { env: { ...process.env, ...g.env } });
    child.stdin.write('delete from t where id = 1;\n');
    const held = await g.held();
    child.kill('SIGKILL');
    const recording = await g.recorded();
    expect(recording.ended).toMatchObject({ reason: 'client_closed' });
    expect(recording.facts('hold.resolved')).toMatchObject([{ outcome: 'withdrawn' }]);
    expect(recording.facts('statement.finished')).toMatchObject([{ action: 1, error: { code: '57014' } }]);
    held.decide(approved);
    expect(await rows()).toBe('3');
  });
});

describe('while a statement waits', () => {
  it('nothing behind it goes on, and the answers to what stood in front of it come', async () => {
    const peer = await g.session();
    peer.send(
      query('select 1'),
      query('delete from t where id = 1'),
      query('delete from t where id = 2'),
      query('select 2'),
    );
    expect(answersOf(await peer.upTo('Z'))).toEqual(['T', 'D', 'C SELECT 1', 'Z I']);
    peer.send(query('select 3'));
    (await g.held()).decide(denied);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42501', 'Z I']);
    (await g.held()).decide(approved);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['C DELETE 1', 'Z I']);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['T', 'D', 'C SELECT 1', 'Z I']);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['T', 'D', 'C SELECT 1', 'Z I']);
    peer.socket.end();
  });

  it('rules that hold it for the same thing change nothing', async () => {
    const peer = await g.session();
    peer.send(query('delete from t where id = 1'), query('drop table t'));
    const held = await g.held();
    const approval = { from: ['security'], count: 1, within: 300_000 };
    g.gateway.edge.applyRules(g.rules([{ hold: ['delete'], approval }, { block: ['drop', 'truncate'] }]));
    held.decide(approved);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['C DELETE 1', 'Z I']);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42501', 'Z I']);
    peer.socket.end();
  });

  it.each([
    ['block it', [{ block: ['delete'] }], /^Gatehouse: Blocked by rule orders-prod/],
    [
      'block it as well',
      [{ hold: ['delete'], approval: { from: ['dba'], count: 1, within: 300_000 } }, { block: ['delete on t'] }],
      /^Gatehouse: Blocked by rule orders-prod/,
    ],
    ['allow it', [], /Run it again/],
  ] as const)(
    'rules that %s end the wait at once, and an approval that comes then carries out nothing',
    async (_, statements, words) => {
      const peer = await g.session();
      peer.send(query('begin'));
      await peer.upTo('Z');
      peer.send(query('delete from t where id = 1'), query('select 1'));
      const held = await g.held();
      g.gateway.edge.applyRules(g.rules(structuredClone(statements) as never));
      const seen = (await peer.upTo('Z')).filter(({ type }) => type !== 'N');
      expect(inShort(seen)).toEqual(['E 42501', 'Z E']);
      expect(fieldsOf(seen[0] as never).M).toMatch(words);
      held.decide(approved);
      expect(answersOf(await peer.upTo('Z'))).toEqual(['E 25P02', 'Z E']);
      peer.send(query('rollback'));
      await peer.upTo('Z');
      expect(await rows()).toBe('3');
      peer.socket.end();
      expect((await g.recorded()).facts('hold.resolved')).toMatchObject([{ outcome: 'withdrawn' }]);
    },
  );

  it('in the extended protocol: rules that block it end the wait too', async () => {
    const peer = await g.session();
    peer.send(parse('', 'delete from t where id = $1'), bind('', '', '1'), execute(), sync(), query('select 1'));
    await g.held();
    g.gateway.edge.applyRules(g.rules([{ block: ['delete'] }]));
    expect(answersOf(await peer.upTo('Z'))).toEqual(['1', 'E 42501', 'Z I']);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['T', 'D', 'C SELECT 1', 'Z I']);
    expect(await rows()).toBe('3');
    peer.socket.end();
  });

  it('a policy that gives no access any more ends the session, and an approval that comes then carries out nothing', async () => {
    const peer = await g.session();
    peer.send(query('delete from t where id = 1'));
    const held = await g.held();
    const before = g.gateway.edge.rules;
    g.gateway.edge.applyRules(undefined);
    expect(answersOf(await peer.untilClosed())).toEqual(['E 57P01']);
    held.decide(approved);
    g.gateway.edge.rules = before;
    const recording = await g.recorded();
    expect(recording.ended).toMatchObject({ reason: 'policy_denied' });
    expect(recording.facts('hold.resolved')).toMatchObject([{ outcome: 'withdrawn' }]);
    expect(await rows()).toBe('3');
  });

  it('a portal that was approved is not run under rules that block it by then', async () => {
    const peer = await g.session();
    peer.send(query('begin'));
    await peer.upTo('Z');
    peer.send(parse('', 'delete from t where id = 1'), bind('', ''), Buffer.from('H\0\0\0\x04', 'latin1'));
    (await g.held()).decide(approved);
    expect(answersOf(await peer.upTo('2'))).toEqual(['1', '2']);
    g.gateway.edge.applyRules(g.rules([{ block: ['delete'] }]));
    peer.send(execute(), sync());
    expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42501', 'Z E']);
    peer.send(query('rollback'));
    await peer.upTo('Z');
    expect(await rows()).toBe('3');
    peer.socket.end();
  });

  it('a client that sends without end is read until the queue is full, and no further', async () => {
    const peer = await g.session();
    peer.send(query('delete from t where id = 1'));
    const held = await g.held();
    const chunk = query(`select '${'x'.repeat(500_000)}'`);
    let sent = 0;
    for (; sent < 60; sent++) if (!peer.socket.write(chunk) && peer.socket.writableLength > 8_000_000) break;
    expect(sent).toBeLessThan(60);
    const { received } = peer;
    await until('the socket is paused', async () => {
      const before = peer.socket.bytesWritten - peer.socket.writableLength;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return before === peer.socket.bytesWritten - peer.socket.writableLength;
    });
    expect(received.length).toBeLessThan(1000);
    held.decide(approved);
    for (let i = 0; i <= sent + 1; i++) await peer.upTo('Z');
    peer.socket.end();
  });

  it('a revocation ends the session at once, and nothing goes on', async () => {
    const { id, secret } = g.gateway.edge.issue();
    const peer = await dialRaw(g.gateway.port);
    await logInRaw(peer, secret);
    peer.send(query('delete from t where id = 1'), query('delete from t where id = 2'));
    const held = await g.held();
    g.gateway.edge.revoke(id);
    expect(answersOf(await peer.untilClosed())).toEqual(['E 57P01']);
    held.decide(approved);
    const recording = await g.recorded();
    expect(recording.ended).toMatchObject({ reason: 'grant_revoked' });
    expect(recording.facts('hold.resolved')).toMatchObject([{ outcome: 'withdrawn' }]);
    expect(recording.facts('statement.finished').map(({ error }) => error?.code)).toEqual(['57014', 'skipped']);
    expect(recording.wire('client').toString()).toContain('id = 2');
    expect(await rows()).toBe('3');
  });

  it('a cancel request of the session withdraws it, one with another secret does not', async () => {
    const peer = await dialRaw(g.gateway.port);
    const key = (await logInRaw(peer, g.secret)).find(({ type }) => type === 'K')?.body as Buffer;
    peer.send(query('delete from t where id = 1'));
    await g.held();
    const cancel = async (secret: Buffer) => {
      const other = await dialRaw(g.gateway.port);
      other.send(cancelRequest(key.readInt32BE(0), secret));
      await other.untilClosed();
    };
    await cancel(Buffer.from('none'));
    expect(inShort(await peer.upTo('N'))).toEqual(['N 00000']);
    await cancel(key.subarray(4));
    expect(answersOf(await peer.upTo('Z'))).toEqual(['E 57014', 'Z I']);
    peer.socket.end();
  });
});

describe('in the extended protocol', () => {
  it('it waits at its Bind, with its parameters, and the approval is for these', async () => {
    const peer = await g.session();
    peer.send(parse('s', 'delete from t where id = $1::int'), sync());
    expect(answersOf(await peer.upTo('Z'))).toEqual(['1', 'Z I']);
    peer.send(query('begin'));
    await peer.upTo('Z');
    const bound = bind('', 's', '2');
    peer.send(bound, describePortal(), execute(), sync());
    const held = await g.held();
    expect(held.asked.action).toMatchObject({
      text: 'delete from t where id = $1::int',
      parameters: ['2'],
      touches: ['t'],
      inTransaction: true,
    });
    expect(held.asked.action.digest).toBe(
      createHash('sha256').update('B\0delete from t where id = $1::int\0').update(bound.subarray(8)).digest('hex'),
    );
    held.decide(approved);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['2', 'n', 'C DELETE 1', 'Z T']);
    peer.send(query('commit'));
    await peer.upTo('Z');
    expect(await g.sql('select id from t order by 1')).toBe('1\n3');
    peer.socket.end();
    const recording = await g.recorded();
    expect(recording.facts('statement.started').filter(({ text }) => text.startsWith('delete'))).toMatchObject([
      { parameters: [{ value: '2' }], prepared: 's' },
    ]);
    expect(recording.facts('statement.finished')).toHaveLength(recording.facts('statement.started').length);
  });

  it('one approval covers all Executes of its portal, and no other portal', async () => {
    const peer = await g.session();
    peer.send(query('begin'));
    await peer.upTo('Z');
    const text = 'delete from t where id > 0 returning id';
    peer.send(parse('', text), bind('p', ''), execute('p', 1), execute('p', 1), sync());
    (await g.held()).decide(approved);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['1', '2', 'D', 's', 'D', 's', 'Z T']);
    expect(g.gateway.edge.held).toHaveLength(0);
    peer.send(runMessages('delete from t where id = 7'), sync());
    (await g.held()).decide(denied);
    expect(answersOf(await peer.upTo('Z'))).toEqual(['1', 'E 42501', 'Z E']);
    peer.socket.end();
  });

  it('a portal that was bound before the rule came is not run under it', async () => {
    g.rules([{ block: ['drop'] }]);
    const peer = await g.session();
    peer.send(query('begin'));
    await peer.upTo('Z');
    peer.send(parse('', 'delete from t where id = 1'), bind('', ''), Buffer.from('H\0\0\0\x04', 'latin1'));
    expect(inShort(await peer.upTo('2'))).toEqual(['1', '2']);
    g.gateway.edge.applyRules(g.rules([{ hold: ['delete'], approval: { from: ['dba'], count: 1, within: 300_000 } }]));
    peer.send(execute(), sync());
    const seen = await peer.upTo('Z');
    expect(inShort(seen)).toEqual(['E 42501', 'Z E']);
    expect(fieldsOf(seen[0] as never).M).toContain('bind it again');
    peer.socket.end();
  });

  it('what cannot be shown whole is not held but refused', async () => {
    const peer = await g.session();
    peer.send(query(`delete from t where id = 1 -- ${'x'.repeat(20_000)}`));
    let seen = await peer.upTo('Z');
    expect(fieldsOf(seen[0] as never).M).toContain('too long to be shown');
    peer.send(runMessages('delete from t where id = length($1)', 'y'.repeat(2_001)), sync());
    seen = await peer.upTo('Z');
    expect(answersOf(seen)).toEqual(['1', 'E 42501', 'Z I']);
    expect(fieldsOf(seen[1] as never).M).toContain('parameters are too many or too long');
    expect(g.gateway.edge.held).toHaveLength(0);
    peer.socket.end();
  });
});
