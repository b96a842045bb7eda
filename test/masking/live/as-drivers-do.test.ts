// What drivers do beside plain statements, under masks: nothing is withheld that has nothing to do with masked data.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bind, describePortal, execute, parse, query, sync } from '../../harness/postgres/client-messages.ts';
import { answersOf } from '../../harness/guarded.ts';
import { dialRaw, logInRaw, type RawMessage, type RawPeer } from '../../harness/postgres/raw-postgres.ts';
import { SCHEMA } from './live-schema.ts';
import { leave, type Place, place, psql } from '../place.ts';

let at: Place;
const peers: RawPeer[] = [];

afterEach(() => {
  for (const peer of peers.splice(0)) peer.socket.destroy();
});

beforeAll(async () => {
  at = await place('shared', [SCHEMA]);
});

afterAll(() => leave(at));

async function enter(): Promise<RawPeer> {
  const peer = await dialRaw(at.gateway.port);
  peers.push(peer);
  await logInRaw(peer, at.password);
  return peer;
}

/** Texts of one row's cells. */
function cellsOf(messages: readonly RawMessage[]): (string | null)[] {
  const body = messages.find(({ type }) => type === 'D')?.body ?? Buffer.alloc(2);
  const cells: (string | null)[] = [];
  for (let index = 0, from = 2; index < body.readInt16BE(0); index++) {
    const length = body.readInt32BE(from);
    cells.push(length < 0 ? null : body.toString('utf8', from + 4, from + 4 + length));
    from += 4 + Math.max(0, length);
  }
  return cells;
}

const PERSON = 'select id, email, name from app.people where id = 1';
const MASKED = ['1', '[masked]', 'Ann'];

describe('the extended protocol', () => {
  it('a prepared statement whose first portal was described is known when it runs again without Describe', async () => {
    const peer = await enter();
    peer.send(parse('s', PERSON), bind('', 's'), describePortal(), execute(), sync());
    expect(cellsOf(await peer.upTo('Z'))).toEqual(MASKED);
    for (let round = 0; round < 2; round++) {
      peer.send(bind('', 's'), execute(), sync());
      expect(cellsOf(await peer.upTo('Z'))).toEqual(MASKED);
    }
    peer.socket.end();
  });

  it('a portal goes on as it was when MOVE and FETCH in SQL have moved it', async () => {
    const peer = await enter();
    peer.send(query('begin'));
    await peer.upTo('Z');
    peer.send(parse('s', 'select id, email from app.people order by id'), bind('p', 's'), sync());
    await peer.upTo('Z');
    peer.send(query('move forward 1 from p'));
    expect(answersOf(await peer.upTo('Z'))).toEqual(['C MOVE 1', 'Z T']);
    peer.send(describePortal('p'), execute('p', 1), sync());
    expect(cellsOf(await peer.upTo('Z'))).toEqual(['2', '[masked]']);
    peer.send(query('fetch absolute 1 from p'));
    // Not scrollable; the words are the server's.
    await peer.upTo('Z');
    peer.socket.end();
  });

  it('FETCH in SQL of a portal of the protocol is masked', async () => {
    const peer = await enter();
    peer.send(query('begin'));
    await peer.upTo('Z');
    peer.send(
      parse('', "select id, email || '!' as e, upper(name) from app.people order by id"),
      bind('p', ''),
      sync(),
    );
    await peer.upTo('Z');
    peer.send(query('fetch 1 from p'));
    expect(cellsOf(await peer.upTo('Z'))).toEqual(['1', '[masked]', 'ANN']);
    peer.socket.end();
  });
});

describe('a name that is a portal first and a cursor then, or the other way round, or two portals', () => {
  const HARMLESS = [parse('', "select name || '' from app.people order by id"), bind('p', ''), sync()];
  const SECRET = [parse('', "select email || '' from app.people order by id"), bind('p', ''), sync()];
  const DECLARED = [query("declare p cursor for select email || '' from app.people order by id")];
  const CLOSED = [query('close p')];

  it.each([
    ['portal, cursor', [HARMLESS, CLOSED, DECLARED]],
    ['cursor, portal', [DECLARED, CLOSED, HARMLESS, CLOSED, DECLARED]],
    ['portal, portal', [HARMLESS, CLOSED, SECRET]],
    ['a portal that was never made', [DECLARED, [query('savepoint s')], HARMLESS, [query('rollback to s')]]],
  ])('%s: FETCH gives nothing of what is hidden', async (_name, steps) => {
    const peer = await enter();
    peer.send(query('begin'));
    await peer.upTo('Z');
    for (const step of steps) {
      peer.send(...step);
      await peer.upTo('Z');
    }
    peer.send(query('fetch 1 from p'));
    const got = await peer.upTo('Z');
    const refused = got.some(({ type, body }) => type === 'E' && body.toString().includes('C0A000'));
    if (!refused) expect(cellsOf(got)).toEqual(['[masked]']);
  });
});

describe('behind a slip of the pen, or a temporary table', () => {
  it.each(['selec 1', 'create temp table mine (id int)'])('settings and words come as they are: %s', async (before) => {
    const ran = await psql(at, [
      before,
      'show work_mem',
      "select 'x'::int",
      "select current_setting('work_mem')",
      before,
    ]);
    expect(ran.stdout.match(/^\d+MB$/gm)).toHaveLength(2);
    expect(ran.stderr).toContain('invalid input syntax for type integer: "x"');
  });

  it('other sessions go on as they were', async () => {
    const peer = await enter();
    peer.send(query('select 1'));
    await peer.upTo('Z');
    const other = await enter();
    other.send(query('create temp table mine (id int)'));
    await other.upTo('Z');
    other.socket.end();
    peer.send(query('show work_mem'));
    expect(cellsOf(await peer.upTo('Z'))[0]).toMatch(/^\d+MB$/);
    peer.socket.end();
  });
});

it('what large objects are made and written with says nothing of masked columns', async () => {
  const ran = await psql(at, [
    "select lo_from_bytea(4711, 'abc')",
    'select lo_unlink(4711)',
    'select lo_create(ssn) from app.people where id = 1',
  ]);
  expect(ran.stdout).toBe('4711\n1\n');
  expect(ran.stderr).toMatch(/Gatehouse: column 1 \("lo_create"\) cannot be shown: rule people-prod#1/);
});
