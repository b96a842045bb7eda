// The policy in force for psql: what is blocked, warned about and let through, and what the database,
// the client and the recording say of it.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse, query, sync } from '../harness/postgres/client-messages.ts';
import { fieldsOf, type Guarded, findPsql, inShort, startGuarded } from '../harness/guarded.ts';
import { run } from '../harness/run.ts';

let g: Guarded;

beforeAll(async () => {
  g = await startGuarded();
});

afterAll(() => g?.close());

beforeEach(async () => {
  g.leave();
  g.gateway.log.sessions.length = 0;
  g.rules([
    { block: ['drop', 'truncate', 'delete without where'], hint: 'Ask the dba group.' },
    { warn: ['update'], hint: 'Is the ticket in the comment?' },
  ]);
  await g.sql('drop table if exists t; create table t as select g as id from generate_series(1, 3) g');
});

const rows = () => g.sql('select count(*) from t');

describe('psql', () => {
  it('is told which rule blocked, with the hint, and nothing of the text runs', async () => {
    const ran = await g.psql('-c', 'select 1; drop table t');
    expect(ran.stderr).toContain('ERROR:  42501: Gatehouse: Blocked by rule orders-prod: it is what "drop" names.');
    expect(ran.stderr).toContain('HINT:  Ask the dba group.');
    expect(ran.stdout).toBe('');
    expect(ran.code).toBe(1);
    expect(await rows()).toBe('3');
    const recording = await g.recorded();
    expect(recording.facts('action.refused')).toMatchObject([
      { action: 1, reason: 'blocked', rule: 'orders-prod', pattern: 'drop' },
    ]);
    expect(recording.facts('statement.started').map(({ text }) => text)).toEqual(['select 1; drop table t']);
    expect(recording.facts('statement.finished')).toMatchObject([{ action: 1, error: { code: '42501' } }]);
    expect(recording.wire('client').toString('latin1')).not.toContain('gatehouse refused');
    expect(recording.wire('target').toString('latin1')).toContain('Blocked by rule');
    expect(recording.wire('target').toString('latin1')).not.toContain('syntax error');
  });

  it('is told of a typo as the server would tell it, and that it was not sent', async () => {
    const at = (text: string, past?: 'gateway') =>
      run(findPsql(), ['-X', '-v', 'VERBOSITY=verbose', '-c', text], { env: past ? g.direct : g.env });
    const server = (text: string) => text.replace(/^LOCATION:.*\n/m, '');
    const gateway = (text: string) => text.replace(/^DETAIL:.*\n/m, '');
    for (const text of ['selct 1', 'select 1; table', "select 'é' frm t w", 'insert into t values (1']) {
      const ran = await at(text);
      expect(gateway(ran.stderr)).toBe(server((await at(text, 'gateway')).stderr));
      expect(ran.stderr).toMatch(
        /DETAIL: {2}Gatehouse: Blocked by rule orders-prod: it has a syntax error at character \d+\. It was not sent to the database: rules read every statement first\.\n/,
      );
    }
    const peer = await g.session();
    peer.send(Buffer.concat([parse('', 'select fro t x y'), sync()]));
    const [error] = (await peer.upTo('Z')).filter(({ type }) => type === 'E');
    expect(error && fieldsOf(error)).toMatchObject({ C: '42601', M: 'syntax error at or near "x"', P: '14' });
    peer.socket.end();
    const recording = await g.recorded();
    expect(recording.facts('action.refused')).toMatchObject([{ action: 1, reason: 'blocked' }]);
    expect(recording.facts('action.refused')[0]?.pattern).toBeUndefined();
    expect(recording.facts('statement.finished')).toMatchObject([{ action: 1, error: { code: '42601' } }]);
  });

  it('finds no secret of a typo in the recording', async () => {
    const ran = await g.psql(
      '-c',
      "alter user bob pasword 'hunter2'",
      '-c',
      "alter user bob password 'hunter2' 'again'",
    );
    expect(ran.stderr).toContain('42601');
    const wire = (await g.recorded()).wire('target').toString('latin1');
    expect(wire).toContain('42601');
    expect(wire).not.toContain('hunter2');
    expect(wire).not.toContain('again');
  });

  it('is warned beside what goes on, with a notice of the gateway', async () => {
    const ran = await g.psql('-c', 'drop table t', '-c', 'update t set id = id + 1', '-c', 'select count(*) from t');
    expect(ran.stderr).toContain('42501');
    expect(ran.stderr).toContain('WARNING:  01000: Gatehouse: Rule orders-prod warns: it is what "update" names.');
    expect(ran.stderr).toContain('HINT:  Is the ticket in the comment?');
    expect(ran.stdout).toContain('UPDATE 3');
    expect(ran.stdout).toContain('(1 row)');
    const recording = await g.recorded();
    expect(recording.facts('action.warned')).toMatchObject([{ action: 2, pattern: 'update' }]);
    expect(recording.wire('gateway').toString()).toContain('Rule orders-prod warns');
  });

  it('finds its transaction failed, as after any error', async () => {
    const input = 'begin;\ninsert into t values (9);\ndrop table t;\nselect 1;\ncommit;\nselect count(*) from t;\n';
    const ran = await run(findPsql(), ['-XAt', '-v', 'VERBOSITY=verbose'], { env: g.env, input });
    expect(ran.stderr).toContain('42501');
    expect(ran.stderr).toContain('25P02');
    expect(ran.stdout).toBe('BEGIN\nINSERT 0 1\nROLLBACK\n3\n');
    expect(await rows()).toBe('3');
  });

  it('goes on behind a savepoint', async () => {
    const input =
      'begin;\ninsert into t values (9);\nsavepoint s;\ndrop table t;\nrollback to s;\ncommit;\nselect count(*) from t;\n';
    const ran = await run(findPsql(), ['-XAt'], { env: g.env, input });
    expect(ran.stdout).toBe('BEGIN\nINSERT 0 1\nSAVEPOINT\nROLLBACK\nCOMMIT\n4\n');
  });

  it('copies in and out, and a COPY that is blocked takes no data', async () => {
    g.rules([{ block: ['copy'] }]);
    const blocked = await run(findPsql(), ['-XAt'], { env: g.env, input: 'copy t from stdin;\n7\n\\.\nselect 5;\n' });
    expect(blocked.stderr).toContain('Blocked by rule orders-prod');
    expect(await rows()).toBe('3');
    g.rules([{ block: ['drop'] }]);
    const ran = await run(findPsql(), ['-XAt'], {
      env: g.env,
      input: 'copy t from stdin;\n7\n8\n\\.\ncopy (select id from t order by 1) to stdout;\n',
    });
    expect(ran.stdout).toBe('COPY 2\n1\n2\n3\n7\n8\n');
  });

  it('stands under rules that come while it is connected, from its next statement on', async () => {
    g.rules([], { statements: undefined as never });
    const peer = await g.session();
    peer.send(query('delete from t where id = 1'));
    expect(inShort(await peer.upTo('Z'))).toEqual(['C DELETE 1', 'Z I']);
    g.gateway.edge.applyRules(g.rules([{ block: ['delete'] }]));
    peer.send(query('delete from t where id = 2'));
    expect(inShort(await peer.upTo('Z'))).toEqual(['E 42501', 'Z I']);
    g.gateway.edge.applyRules(g.rules([{ block: ['drop'] }]));
    peer.send(query('delete from t where id = 2'));
    expect(inShort(await peer.upTo('Z'))).toEqual(['C DELETE 1', 'Z I']);
    peer.socket.end();
    expect((await g.recorded()).facts('rules.changed')).toHaveLength(2);
  });

  it('runs no more statements a minute than it may', async () => {
    g.rules([], { statements: undefined as never, limits: { statementsPerMinute: 2 } });
    const ran = await g.psql('-c', 'select 1', '-c', 'select 2', '-c', 'select 3');
    expect(ran.stderr).toMatch(/ERROR: {2}53400: Gatehouse: Rule orders-prod lets a session run 2 statements a minute/);
    expect(ran.stdout.match(/\(1 row\)/g)).toHaveLength(2);
  });

  it('gets no more rows than its rule gives, and is told why the session ends', async () => {
    g.rules([], { statements: undefined as never, limits: { rowsOut: 1000 } });
    const ran = await g.psql('-At', '-c', 'select * from generate_series(1, 100000)');
    expect(ran.stderr).toContain('gives a session 1000 rows');
    expect((await g.recorded()).ended).toMatchObject({ reason: 'rows_exceeded' });
  });
});

describe('a long text', () => {
  it('is read beside the loop, judged, and goes on', async () => {
    const many = Array.from({ length: 20_000 }, (_, i) => i).join(', ');
    const ran = await run(findPsql(), ['-XAt'], {
      env: g.env,
      input: `select count(*) from t where id in (${many});\ndelete from t where true or id in (${many});\nselect 'on';\n`,
    });
    expect(ran.stdout).toBe('3\non\n');
    expect(ran.stderr).toContain('delete without where');
    expect(await rows()).toBe('3');
  });

  it('beyond what is read follows unparsable, whole or not at all', async () => {
    const long = `select length('${'x'.repeat(1_200_000)}')`;
    const blocked = await run(findPsql(), ['-XAt'], { env: g.env, input: `${long};\nselect 'on';\n` });
    expect(blocked.stderr).toContain('Blocked by rule orders-prod');
    expect(blocked.stdout).toBe('on\n');
    g.rules([{ block: ['drop'] }], { unparsable: 'allow' });
    const allowed = await run(findPsql(), ['-XAt'], { env: g.env, input: `${long};\nselect 'on';\n` });
    expect(allowed.stdout).toBe('1200000\non\n');
  });
});
