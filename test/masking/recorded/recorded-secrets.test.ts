// Passwords, tokens and the like in statements: in no recording, whatever the rules of the session (law 11).
// The server gets the original, and the client gets what the server said.

import { createHash } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SessionRules } from '../../../core/policy/session-rules.ts';
import { decodeSegment, framesOf } from '../../../core/recording/segment.ts';
import { nodePlatform } from '../../../connector/recording/archive/node-platform.ts';
import { exportAsciicast } from '../../../functions/export/asciicast.ts';
import { exportHtml } from '../../../functions/export/html.ts';
import { exportNdjson } from '../../../functions/export/ndjson.ts';
import { nodeRecordingPlatform } from '../../../functions/recording-platform.ts';
import { readRecording } from '../../../functions/store/read-recording.ts';
import { bind, execute, parse, query, run, sync } from '../../harness/postgres/client-messages.ts';
import { fieldsOf, type Guarded, startGuarded } from '../../harness/guarded.ts';
import type { MemoryRecording } from '../../harness/memory-log.ts';
import { memoryReader } from '../../harness/memory-reader.ts';
import type { RawPeer } from '../../harness/postgres/raw-postgres.ts';
import { replayStored, storeRecording } from '../../harness/stored-session.ts';

const SECRET = 'Hunter2-hunter';
const APPROVAL = { approval: { from: ['dba'], count: 1, within: 300_000 } };
const APPROVED = { kind: 'approved', by: ['dana@example.com'], comment: '' } as const;
const NOTHING: Partial<SessionRules> = { statements: undefined as never };
const KINDS: readonly [string, Partial<SessionRules>][] = [
  ['without rules', NOTHING],
  ['with statement rules', { statements: [{ warn: ['drop'] }] }],
  ['with a mask of columns', { ...NOTHING, mask: [{ columns: ['customers.email'], with: 'null' }] }],
  ['with a mask by detectors', { ...NOTHING, mask: [{ detect: ['credit-card'], with: 'placeholder' }] }],
];

let g: Guarded;
beforeAll(async () => {
  g = await startGuarded(18, [], ['host all bob 127.0.0.1/32 scram-sha-256']);
  await g.sql(`create role bob login; create table customers (id int, email text);
    create table users (id int, login text not null, password text)`);
});
afterAll(() => g?.close());
afterEach(() => g.leave());

const open = async (rules: Partial<SessionRules>): Promise<{ peer: RawPeer; recording: MemoryRecording }> => {
  g.rules([], rules);
  const peer = await g.session();
  return { peer, recording: g.gateway.log.last };
};
const say = async (peer: RawPeer, ...messages: Buffer[]) => {
  peer.send(...messages);
  return peer.upTo('Z');
};
/** Everything that is kept of a session. */
const kept = (recording: MemoryRecording): string =>
  [
    recording.wire('client').toString('latin1'),
    recording.wire('target').toString('latin1'),
    recording.wire('gateway').toString('latin1'),
    JSON.stringify(recording.frames.flatMap(({ fact }) => fact ?? [])),
  ].join('\n');
const all = async (text: AsyncIterable<string>): Promise<string> => {
  let whole = '';
  for await (const part of text) whole += part;
  return whole;
};
async function logsIn(password: string): Promise<boolean> {
  const { port } = g.server;
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'bob', password, database: 'postgres' });
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

describe.each(KINDS)('a session %s', (_name, rules) => {
  it('gives a role its password, and records no word of it', async () => {
    await g.sql("alter role bob password 'before'");
    const { peer, recording } = await open(rules);
    await say(peer, query(`ALTER ROLE bob PASSWORD '${SECRET}'`));
    expect(await logsIn(SECRET)).toBe(true);
    expect(await logsIn('before')).toBe(false);
    expect(recording.wire('client').toString()).toContain("ALTER ROLE bob PASSWORD '[password]****'\0");
    expect(recording.facts('statement.started')).toMatchObject([{ text: "ALTER ROLE bob PASSWORD '[password]****'" }]);
    expect(kept(recording)).not.toContain(SECRET);

    peer.socket.end();
    const builder = storeRecording(await g.recorded(), 2048);
    const { opened } = builder;
    const raw = [...builder.objects].flatMap(([name, bytes]) =>
      name.endsWith('.seg')
        ? [...framesOf(decodeSegment(bytes, nodePlatform))].map(({ body }) => Buffer.from(body).toString('latin1'))
        : [],
    );
    const reader = memoryReader(builder.objects);
    const place = { connector: opened.connector.id, session: opened.session };
    const replay = () => replayStored(opened, reader);
    const texts = [
      raw.join('\n'),
      await all(exportNdjson(opened.startedAt, readRecording(place, reader, nodeRecordingPlatform))),
      await all(exportHtml(replay())),
      await all(exportAsciicast(replay())),
    ];
    for (const text of texts) {
      expect(text).toContain('ALTER ROLE bob');
      expect(text).not.toContain(SECRET);
    }
  });

  it('writes what an insert, an update and their parameters say, and records no word of it', async () => {
    await g.sql('truncate users');
    const { peer, recording } = await open(rules);
    await say(peer, query(`insert into users (login, password, id) values ('ann', '${SECRET}1', 1)`));
    await say(
      peer,
      run('insert into users (login, password, id) values ($1, $2, $3)', 'bob', `${SECRET}2`, '2'),
      sync(),
    );
    await say(peer, parse('named', 'update users set password = $1 where login = $2'), sync());
    // Its Bind comes later, behind one that has nothing to hide.
    await say(peer, run('select $1::text', 'shown'), bind('', 'named', `${SECRET}3`, 'bob'), execute(), sync());
    await say(peer, query('prepare p as insert into users (id, login, password) values ($1, $2, $3)'));
    await say(peer, query(`execute p (4, 'dan', '${SECRET}4')`));
    expect(await g.sql("select string_agg(login || '=' || password, ' ' order by id) from users")).toBe(
      `ann=${SECRET}1 bob=${SECRET}3 dan=${SECRET}4`,
    );
    expect(kept(recording)).not.toContain(SECRET);
    const parameters = recording.facts('statement.started').map((fact) => fact.parameters?.map(({ value }) => value));
    expect(parameters[1]?.slice(0, 2)).toEqual(['bob', '[hidden]']);
    expect(parameters.slice(2, 4)).toEqual([['shown'], ['[hidden]', 'bob']]);
  });

  it('shows its client what the server says of it, and records that without the secret', async () => {
    const { peer, recording } = await open(rules);
    const quoted: string[] = [];
    for (const text of QUOTED) {
      const answers = await say(peer, query(text));
      const words = answers.filter(({ type }) => 'EN'.includes(type)).map((one) => JSON.stringify(fieldsOf(one)));
      expect(words.length).toBeGreaterThan(0);
      if (words.join().includes(SECRET)) quoted.push(text);
    }
    // Masks of columns hide more of the server's words.
    if (rules.mask === undefined) expect(quoted.length).toBeGreaterThan(8);
    expect(kept(recording)).not.toContain(SECRET);
    const messages = recording.facts('statement.finished').map(({ error }) => error?.message ?? '');
    expect(messages.some((message) => message.startsWith('syntax error'))).toBe(true);
  });

  it('gives its client the rows that repeat it, and records those without it', async () => {
    const { peer, recording } = await open(rules);
    for (const text of [
      `select set_config('app.token', '${SECRET}', false)`,
      `select current_query(), 'password=${SECRET}'`,
      `copy (select '${SECRET}' as x where '${SECRET}' = any (array['${SECRET}']) and 'a' <> 'password=${SECRET}') to stdout`,
    ].slice(0, rules.mask ? 0 : 2)) {
      const rows = (await say(peer, query(text))).filter(({ type }) => type === 'D');
      expect(rows[0]?.body.toString()).toContain(SECRET);
    }
    expect(kept(recording)).not.toContain(SECRET);
  });
});

/** Whose errors and notices quote them, in the words of several of the server's own sources. */
const QUOTED = [
  `alter role bob password '${SECRET}' 'x'`,
  `alter role bob password '${SECRET}`,
  `alter role bob set password '${SECRET}'`,
  `alter role nobody_here password '${SECRET}'`,
  `alter role bob passwrd '${SECRET}'`,
  `alter role bob password "${SECRET}"`,
  `alter role bob password E'${SECRET}\\'x' nosuch`,
  `do $$ begin alter role nobody_here password '${SECRET}'; end $$`,
  `do $$ begin execute 'alter role nobody_here password ''${SECRET}'''; end $$`,
  `do $$ begin execute 'alter role bob password ''${SECRET}'' nosuch'; end $$`,
  `do $$ begin execute format('alter role bob password %L nosuch', '${SECRET}'); end $$`,
  `do $$ declare password text := '${SECRET}'; begin raise notice 'it is %', password; end $$`,
  `do $$ declare password text := '${SECRET}'; begin execute 'alter role bob password ' || quote_literal(password) || ' x'; end $$`,
  `insert into users (login, password) values (null, '${SECRET}')`,
  `update users set password = '${SECRET}'::int`,
  `create user mapping for bob server nosuch options (user 'bob', password '${SECRET}')`,
  `create subscription s connection 'host=x password=${SECRET} nosuch=1' publication p`,
  `create subscription s connection 'host=x passwrd=${SECRET}' publication p`,
  `create subscription s connection 'host=x password=my ${SECRET}' publication p`,
  `set nosuch_password = '${SECRET}'`,
  `comment on role nobody_here is 'password=${SECRET}'`,
  `select * from users where password = '${SECRET}' and`,
];

it('what approvers see is the copy, and what they approve is what is sent', async () => {
  const { peer, recording } = await open({
    statements: [{ hold: ['alter', 'update'], ...APPROVAL }],
  });
  const text = `alter role bob password '${SECRET}held'`;
  peer.send(query(text));
  const held = await g.held();
  expect(held.asked.action.text).toBe("alter role bob password '[password]********'");
  expect(held.asked.action.digest).toBe(createHash('sha256').update(`Q\0${text}`).digest('hex'));
  held.decide(APPROVED);
  await peer.upTo('Z');
  expect(await logsIn(`${SECRET}held`)).toBe(true);
  peer.send(run('update users set password = $1 where login = $2', SECRET, 'nobody'), sync());
  const bound = await g.held();
  expect(bound.asked.action.parameters).toEqual(['[hidden]', 'nobody']);
  bound.decide(APPROVED);
  await peer.upTo('Z');
  expect(kept(recording)).not.toContain(SECRET);
});

it('a blocked one is told of without it', async () => {
  const { peer, recording } = await open({ statements: [{ block: ['alter'] }] });
  const answers = await say(peer, query(`alter role bob password '${SECRET}'`));
  expect(answers.some(({ type }) => type === 'E')).toBe(true);
  expect(recording.facts('action.refused')).toHaveLength(1);
  expect(kept(recording)).not.toContain(SECRET);
});

it('rules that come while it stands judge what the server has, not the copy', async () => {
  const { peer, recording } = await open(NOTHING);
  await say(peer, parse('p', `alter role bob password '${SECRET}p'`), sync());
  g.gateway.edge.applyRules(g.rules([{ hold: ['alter'], ...APPROVAL }]));
  peer.send(bind('', 'p'), execute(), sync());
  const held = await g.held();
  expect(held.asked.action.text).not.toContain(SECRET);
  const original = createHash('sha256').update(`B\0alter role bob password '${SECRET}p'\0`);
  expect(held.asked.action.digest).toBe(original.update(Buffer.alloc(6)).digest('hex'));
  held.decide(APPROVED);
  await peer.upTo('Z');
  expect(await logsIn(`${SECRET}p`)).toBe(true);
  expect(kept(recording)).not.toContain(SECRET);
});

it('what nobody names stays, and so does what another statement reads', async () => {
  const { peer, recording } = await open(NOTHING);
  await say(peer, query("select 'shown-literal', password from users limit 0"));
  await say(peer, run('select $1::text', 'shown-parameter'), sync());
  await say(peer, query("set app.password = 'read-later'"));
  await say(peer, query('show app.password'));
  for (const shown of ['shown-literal', 'shown-parameter', 'read-later']) expect(kept(recording)).toContain(shown);
  expect(recording.wire('client').toString()).not.toContain('read-later');
});
