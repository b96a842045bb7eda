// Pages of a cursor: the statement that they are of is counted, listed and recorded once, by whatever means they are asked for.

import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as say from '../harness/postgres/client-messages.ts';
import { type Guarded, findPsql, inShort, startGuarded } from '../harness/guarded.ts';
import { run } from '../harness/run.ts';

let g: Guarded;

beforeAll(async () => {
  g = await startGuarded();
});
afterAll(() => g?.close());
beforeEach(() => {
  g.leave();
  g.gateway.log.sessions.length = 0;
});

const limited = (perMinute: number) =>
  g.rules([], { statements: undefined as never, limits: { statementsPerMinute: perMinute } });

/** What the recording has of each action: its text, then rows and tags of each part. */
async function told() {
  const recording = await g.recorded();
  return recording.facts('statement.started').map(({ action, text }) => [
    text,
    ...recording
      .facts('statement.finished')
      .filter((fact) => fact.action === action)
      .map(({ rows, tags, suspended, error }) => error?.code ?? (suspended ? `${rows}...` : `${rows} ${tags[0]}`)),
  ]);
}

const SERIES = 'select generate_series(1, 25)';
const pages = (count: number) => Array.from({ length: count }, () => [say.execute('c', 10), say.flush()]).flat();

describe('a portal that is executed in parts', () => {
  it('is one statement to a driver that fetches, and to the limit', async () => {
    limited(4);
    const client = new pg.Client({
      ...{ host: g.gateway.host, port: g.gateway.port, password: g.secret },
      ...{ user: 'alice@example.com', database: 'demo' },
    });
    await client.connect();
    await client.query('begin');
    const fetching = { text: SERIES, values: [], rows: 1 };
    expect((await client.query(fetching)).rows).toHaveLength(25);
    await client.query('commit');
    await client.end();
    const seen = await told();
    expect(seen.map(([text]) => text)).toEqual(['begin', SERIES, 'commit']);
    expect(seen[1]).toEqual([SERIES, ...Array.from({ length: 25 }, () => '1...'), '0 SELECT 0']);
  });

  it('is one in a pipeline as well, with its own answer beside that of others', async () => {
    g.rules([{ block: ['drop'] }]);
    const peer = await g.session();
    peer.send(Buffer.concat([say.parse('', SERIES), say.bind('c', ''), ...pages(3), say.sync()]));
    expect(inShort(await peer.upTo('Z')).filter((one) => !one.startsWith('D'))).toEqual([
      '1',
      '2',
      's',
      's',
      'C SELECT 5',
      'Z I',
    ]);
    peer.socket.end();
    expect(await told()).toEqual([[SERIES, '10...', '10...', '5 SELECT 5']]);
  });

  it('that rules stop between its parts is refused as the statement that it is', async () => {
    g.rules([{ block: ['drop'] }]);
    const peer = await g.session();
    peer.send(
      Buffer.concat([say.query('begin'), say.parse('', SERIES), say.bind('c', ''), say.execute('c', 10), say.sync()]),
    );
    await peer.upTo('Z');
    await peer.upTo('Z');
    g.gateway.edge.applyRules(g.rules([{ block: ['select'] }]));
    peer.send(Buffer.concat([say.execute('c', 10), say.sync()]));
    expect(inShort(await peer.upTo('Z'))).toEqual(['E 42501', 'Z E']);
    peer.socket.end();
    expect(await told()).toEqual([
      ['begin', '0 BEGIN'],
      [SERIES, '10...', '42501'],
    ]);
    expect((await g.recorded()).facts('action.refused')).toMatchObject([{ action: 2 }]);
  });

  it('whose later part is skipped in a pipeline keeps what it came to', async () => {
    g.rules([{ block: ['drop'] }]);
    const peer = await g.session();
    const begin = [say.query('begin'), say.parse('', SERIES), say.bind('c', ''), say.execute('c', 10)];
    peer.send(Buffer.concat([...begin, say.parse('', 'drop table x'), say.execute('c', 10), say.sync()]));
    await peer.upTo('Z');
    await peer.upTo('Z');
    peer.socket.end();
    expect(await told()).toEqual([
      ['begin', '0 BEGIN'],
      [SERIES, '10...'],
      ['drop table x', '42501'],
      [SERIES, 'skipped'],
    ]);
  });

  it('is warned of once', async () => {
    g.rules([{ warn: ['select'] }]);
    const peer = await g.session();
    peer.send(Buffer.concat([say.parse('', SERIES), say.bind('c', ''), ...pages(3), say.sync()]));
    expect(inShort(await peer.upTo('Z')).filter((one) => one.startsWith('N'))).toHaveLength(1);
    peer.socket.end();
    expect((await g.recorded()).facts('action.warned')).toHaveLength(1);
  });
});

describe.each([
  ['without rules', undefined],
  ['under rules', [{ block: ['truncate'] }]],
])('a portal whose name a cursor of SQL took, %s', (_how, statements) => {
  const UNCERTAIN = '-- c: it is not certain whether a cursor of SQL took the name';
  const DECLARE = "declare c cursor for select 'of the cursor ' || n from generate_series(1, 3) n";
  const CODE =
    "do $$ declare r refcursor := 'c'; begin close r; open r for select 'of the cursor ' || n from generate_series(1, 3) n; end $$";
  /** Two pages of the portal, then `between`, then two more of its name. */
  async function pagesAround(between: readonly string[], together: boolean) {
    g.rules((statements ?? []) as never, statements ? {} : { statements: undefined as never });
    const peer = await g.session();
    peer.send(say.query('begin; savepoint x'));
    await peer.upTo('Z');
    const steps = [
      [say.parse('', SERIES), say.bind('c', ''), say.execute('c', 2), say.sync()],
      ...between.map((text) => [say.query(text)]),
      [say.execute('c', 2), say.sync()],
      [say.execute('c', 2), say.sync()],
    ];
    const seen: string[] = [];
    if (together) peer.send(...steps.flat());
    for (const step of steps) {
      if (!together) peer.send(...step);
      seen.push(...inShort(await peer.upTo('Z')));
    }
    peer.socket.end();
    return { seen, facts: (await told()).slice(1) };
  }

  /** Rules refuse code that nobody can see into. */
  const takers = [['close c', DECLARE], ['rollback to x', DECLARE], ...(statements ? [] : [[CODE]])];
  it.each(takers)('is told as what is not certain, behind %s', async (...between) => {
    const { seen, facts } = await pagesAround(between, false);
    expect(seen.filter((one) => one.startsWith('E'))).toEqual([]);
    expect(facts[0]).toEqual([SERIES, '2...']);
    expect(facts.slice(1 + between.length)).toEqual([[UNCERTAIN, '2...', '1 SELECT 1']]);
  });

  it.each(takers)('is told so before the target has answered, behind %s', async (...between) => {
    const { seen, facts } = await pagesAround(between, true);
    expect(seen.filter((one) => one.startsWith('E'))).toEqual([]);
    expect(facts[0]).toEqual([SERIES, '2...']);
    for (const [text] of facts.slice(1 + between.length)) expect(text).toMatch(/^-- c: it is not certain /);
  });

  // Without rules nobody waits for the target's answers, and what was bound is not certain until they are there.
  const ways = statements ? [false, true] : [false];
  it.each(ways)('goes on as the statement that it is where nothing took the name; together: %j', async (how) => {
    const { facts } = await pagesAround(['select 1', 'savepoint y', 'show work_mem', 'set x.y = 1'], how);
    expect(facts[0]).toEqual([SERIES, '2...', '2...', '2...']);
  });

  /** Code that was there before the session, and no tag tells of. */
  const BEFORE = `create function takes() returns int language plpgsql as $f$ ${CODE.slice(6, -6)} return 1; end $f$;
    create view taking as select takes() as n; create table touched (n int);
    create function touches() returns trigger language plpgsql as $f$ begin perform takes(); return new; end $f$;
    create trigger taking before insert on touched for each row execute function touches();
    create function nothing() returns int language sql as 'select 1'`;
  const UNLESS = `-- c: unless code that ran meanwhile gave the name to a cursor of its own\n${SERIES}`;
  describe('by code that was in the database before', () => {
    beforeAll(() => g.sql(BEFORE));
    afterAll(() => g.sql('drop view taking; drop table touched; drop function touches(), takes(), nothing()'));

    it.each([
      ['a function', 'select takes()'],
      ['a view', 'select * from taking'],
      ['a trigger', 'insert into touched values (1)'],
      ['a function that is called beside others', 'select 1; select takes()'],
    ])('is told with that doubt, behind %s', async (_what, text) => {
      for (const together of ways) {
        const { seen, facts } = await pagesAround([text], together);
        expect(seen.filter((one) => one.startsWith('E'))).toEqual([]);
        expect(facts[0]).toEqual([SERIES, '2...']);
        expect(facts.slice(2)).toEqual([[UNLESS, '2...', '1 SELECT 1']]);
      }
    });

    // Rules refuse it.
    it.each(statements ? [] : ['takes'])('is told so by a FunctionCall: %s', async (name) => {
      g.rules([], { statements: undefined as never });
      const oid = Number(await g.sql(`select '${name}'::regproc::oid`));
      const peer = await g.session();
      const call = Buffer.from([0x46, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
      call.writeUInt32BE(oid, 5);
      peer.send(say.query('begin'), say.parse('', SERIES), say.bind('c', ''), say.execute('c', 2), say.sync(), call);
      for (let answers = 0; answers < 3; answers++) await peer.upTo('Z');
      peer.send(say.execute('c', 2), say.sync());
      await peer.upTo('Z');
      peer.socket.end();
      expect((await told()).at(-1)).toEqual([UNLESS, '2...']);
    });

    it('once: what goes on under its name is one statement', async () => {
      const { facts } = await pagesAround(['select nothing()'], false);
      expect(facts.slice(0, 1).concat(facts.slice(2))).toEqual([
        [SERIES, '2...'],
        [UNLESS, '2...', '2...'],
      ]);
    });

    it('of two portals that are read in turns each is told so once', async () => {
      g.rules((statements ?? []) as never, statements ? {} : { statements: undefined as never });
      const peer = await g.session();
      peer.send(say.query('begin'), say.parse('', SERIES), say.bind('c', ''), say.bind('d', ''), say.sync());
      for (let answers = 0; answers < 2; answers++) await peer.upTo('Z');
      for (let page = 0; page < 3; page++)
        for (const name of ['c', 'd']) {
          peer.send(say.execute(name, 2), say.sync());
          await peer.upTo('Z');
        }
      peer.socket.end();
      expect((await told()).slice(1)).toEqual([
        [SERIES, '2...'],
        [UNLESS.replace('c:', 'd:'), '2...', '2...', '2...'],
        [UNLESS, '2...', '2...'],
      ]);
    });
  });

  // Under the rules of the others a session brings no code.
  const brings = statements ? [] : ['a function'];
  it.each(brings)('may be taken by whatever runs code that the session brought: %s', async () => {
    const body = CODE.slice(6, -6);
    const create = `create function pg_temp.f() returns int language plpgsql as $f$ ${body} return 1; end $f$`;
    const { facts } = await pagesAround([create, 'select pg_temp.f()'], false);
    expect(facts[0]).toEqual([SERIES, '2...']);
    expect(facts.at(-1)?.[0]).toBe(UNCERTAIN);
  });
});

describe('FETCH in SQL', () => {
  it('is a statement of its own, and no more against the limit than its DECLARE', async () => {
    limited(3);
    const input = `begin;\ndeclare c cursor for ${SERIES};\n${'fetch 5 from c;\n'.repeat(6)}commit;\nselect 1;\n`;
    const ran = await run(findPsql(), ['-XAt', '-v', 'VERBOSITY=verbose'], { env: g.env, input });
    expect(ran.stdout.split('\n').filter((line) => /^\d+$/.test(line))).toHaveLength(25);
    expect(ran.stdout).toContain('COMMIT');
    expect(ran.stderr).toContain('53400');
    expect((await told()).filter(([text]) => text === 'fetch 5 from c;')).toHaveLength(6);
  });

  it('lets psql page through a result by FETCH_COUNT', async () => {
    limited(4);
    const ran = await run(findPsql(), ['-XAt', '-v', 'FETCH_COUNT=2'], { env: g.env, input: `${SERIES};\n` });
    expect(ran.stderr).toBe('');
    expect(ran.stdout.trim().split('\n')).toHaveLength(25);
  });
});
