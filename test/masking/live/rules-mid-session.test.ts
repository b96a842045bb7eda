// Masks and rules that are pushed while something is under way: a result that streams, a portal that is
// suspended, cursors, prepared statements, COPY both ways, pipelines. What is asked from then on is under
// the new ones, nothing ends for it, and client and recording hold the same.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { message } from '../../../connector/protocols/postgres/wire/messages.ts';
import { SessionRules } from '../../../core/policy/session-rules.ts';
import { bind, describeStatement, execute, flush, parse, query, sync } from '../../harness/postgres/client-messages.ts';
import { dialRaw, logInRaw, type RawMessage, type RawPeer } from '../../harness/postgres/raw-postgres.ts';
import { until } from '../../harness/run.ts';
import { RULES, SCHEMA } from './live-schema.ts';
import { leave, type Place, place } from '../place.ts';

const SECRET = 'secretsecret';
let at: Place;
let version: number;
let peer: RawPeer;
let received: Buffer[];

beforeAll(async () => {
  at = await place('shared', [SCHEMA]);
});
afterAll(() => leave(at));

const OPEN = { rule: 'people-prod', limits: {} };
const GUARDED = { ...OPEN, statements: [{ block: ['truncate'] }] };
const OTHER_MASKS = { ...OPEN, mask: [{ columns: ['orders.total'], with: 'null' }] };
const MASKED = RULES;

const push = (rules: object): void => {
  at.gateway.edge.applyRules(SessionRules.parse({ ...rules, policyVersion: ++version }));
};
async function begin(rules: object): Promise<void> {
  version = 1;
  at.gateway.edge.rules = SessionRules.parse({ ...rules, policyVersion: version });
  peer = await dialRaw(at.gateway.port);
  received = [];
  peer.socket.on('data', (chunk: Buffer) => received.push(Buffer.from(chunk)));
  await logInRaw(peer, at.password);
}
const text = (messages: readonly RawMessage[]): string =>
  messages.map(({ body }) => body.toString('latin1')).join('\n');
const types = (messages: readonly RawMessage[]): string => messages.map(({ type }) => type).join('');
async function ask(...parts: Buffer[]): Promise<RawMessage[]> {
  peer.send(...parts);
  return peer.upTo('Z');
}

beforeEach(() => {
  at.gateway.log.sessions.length = 0;
});
/** The session goes on, is masked from now on, and was recorded as the client got it. */
afterEach(async () => {
  const last = await ask(query('select email, name from people where id = 1'));
  expect(text(last)).toMatch(/\[masked\].*Ann/s);
  expect(text(last)).not.toContain(SECRET);
  peer.send(message('X'));
  await until('it is over', () => at.gateway.log.last.ended !== undefined);
  expect(at.gateway.log.last.ended?.reason).toBe('client_closed');
  const recorded = at.gateway.log.last.wire('target');
  const all = Buffer.concat(received);
  // The login is not recorded: what the client got ends with what was.
  expect(all.subarray(all.length - recorded.length).equals(recorded)).toBe(true);
});

const BEFORE = [
  ['nothing was ruled', OPEN],
  ['statements were judged', GUARDED],
  ['other columns were masked', OTHER_MASKS],
] as const;

test.each(BEFORE)('a portal that is suspended goes on under the masks, where before %s', async (_, before) => {
  await begin(before);
  peer.send(query('begin'));
  await peer.upTo('Z');
  peer.send(parse('', 'select email from people order by id'), bind('', ''), execute('', 1), flush());
  expect(text(await peer.upTo('s'))).toContain(SECRET);
  push(MASKED);
  expect(text(await ask(execute('', 1), sync()))).not.toContain(SECRET);
  await ask(query('rollback'));
});

test.each(BEFORE)('a cursor that is open is read under the masks, where before %s', async (_, before) => {
  await begin(before);
  await ask(query('begin'));
  await ask(query('declare c cursor for select email from people order by id'));
  expect(text(await ask(query('fetch 1 from c')))).toContain(SECRET);
  push(MASKED);
  expect(text(await ask(query('fetch 1 from c')))).not.toContain(SECRET);
  expect(text(await ask(parse('', 'fetch 1 from c'), bind('', ''), execute(), sync()))).not.toContain(SECRET);
  await ask(query('rollback'));
});

test.each(BEFORE)('what was prepared and described before runs under the masks, where before %s', async (_, before) => {
  await begin(before);
  await ask(parse('s', 'select email, upper(email) from people'), describeStatement('s'), sync());
  expect(text(await ask(bind('', 's'), execute(), sync()))).toContain(SECRET);
  await ask(query('prepare q as select email from people'));
  push(MASKED);
  for (const parts of [[bind('', 's'), execute(), sync()], [query('execute q')], [bind('', 'q'), execute(), sync()]])
    expect(text(await ask(...parts)).toLowerCase()).not.toContain(SECRET);
});

test.each(BEFORE)(
  'a view, a temporary table and a setting that were filled before are read under the masks, where before %s',
  async (_, before) => {
    await begin(before);
    await ask(query('create temp view tv as select email as e from people'));
    await ask(query("select set_config('app.x', email, false) from people where id = 1"));
    push(MASKED);
    for (const one of ['select * from tv', "select current_setting('app.x')", 'show app.x'])
      expect([one, text(await ask(query(one))).includes(SECRET)]).toEqual([one, false]);
  },
);

test.each(BEFORE)(
  'a result that streams goes on to its end, where before %s',
  async (_, before) => {
    await begin(before);
    peer.send(query('select g, email, repeat(name, 50) from people, generate_series(1, 60000) g'));
    await until('it streams', () => peer.receivedBytes > 1_000_000);
    push(MASKED);
    const pushedAt = peer.receivedBytes;
    const seen = await peer.upTo('Z');
    // Nobody looked at the description under which its rows come, or it goes on masked.
    expect(types(seen)).toMatch(/^TD+(C|E)Z$/);
    expect(text(seen.slice(-2))).toMatch(/SELECT 180000|C0A000/);
    expect(peer.receivedBytes).toBeGreaterThan(pushedAt);
  },
  60_000,
);

test.each(BEFORE)(
  'COPY out goes on to its end, where before %s',
  async (_, before) => {
    await begin(before);
    peer.send(query('copy (select g, email, repeat(name, 50) from people, generate_series(1, 60000) g) to stdout'));
    await until('it streams', () => peer.receivedBytes > 1_000_000);
    push(MASKED);
    const seen = await peer.upTo('Z');
    expect(types(seen)).toMatch(/^Hd+cCZ$/);
    expect(text(seen.slice(-2))).toContain('COPY 180000');
  },
  60_000,
);

test.each(BEFORE)('COPY in goes on, recorded under the masks from then on, where before %s', async (_, before) => {
  await begin(before);
  await ask(query('truncate big')).catch(() => undefined);
  await ask(query('delete from big'));
  peer.send(query('copy big from stdin'), message('d', '1\tclearbefore@example.com\tx\ty\n'));
  await peer.upTo('G');
  await new Promise((resolve) => setTimeout(resolve, 50));
  push(MASKED);
  const seen = await ask(
    message('d', '2\tlatersecret@example.com\tx\ty\n'),
    message('d', '3\tlaters'),
    message('d', 'ecret@example.com\tx\ty\n'),
    message('c'),
  );
  expect(text(seen)).toContain('COPY 3');
  const wire = at.gateway.log.last.wire('client').toString('latin1');
  expect(wire).not.toMatch(/latersecret|laters\b|ecret@/);
  expect(text(await ask(query('select count(*) from big')))).toContain('3');
});

test.each(BEFORE)('a pipeline in flight is answered in order, where before %s', async (_, before) => {
  await begin(before);
  peer.send(query('select pg_sleep(0.3)'));
  for (let index = 0; index < 5; index++)
    peer.send(
      parse('', `select email, ${index} from people`),
      bind('', ''),
      execute(),
      sync(),
      query('select name from people'),
    );
  await new Promise((resolve) => setTimeout(resolve, 100));
  push(MASKED);
  let seen = '';
  for (let index = 0; index < 11; index++) seen += types(await peer.upTo('Z'));
  // What was never described, and is of a column that is hidden, is refused.
  expect(seen).toMatch(/^TDCZ(12(DDDC|E)ZTDDDCZ){5}$/);
});

test('rules that come, go and come again, hundreds of times within a stream, end nothing', async () => {
  await begin(OPEN);
  const done = ask(
    ...Array.from({ length: 60 }, (_, index) => query(`select email, ${index} from people, generate_series(1, 3000)`)),
  );
  let pushes = 0;
  const timer = setInterval(() => push([OPEN, MASKED, GUARDED, OTHER_MASKS][pushes++ % 4] as object), 1);
  await done;
  for (let index = 1; index < 60; index++) await peer.upTo('Z');
  clearInterval(timer);
  push(MASKED);
});

test('an older policy that comes late changes nothing', async () => {
  await begin(MASKED);
  version = 5;
  push(MASKED);
  const before = at.gateway.edge.rules;
  at.gateway.edge.applyRules(SessionRules.parse({ ...OPEN, policyVersion: 2 }));
  at.gateway.edge.rules = before;
  expect(text(await ask(query('select email from people')))).not.toContain(SECRET);
});
