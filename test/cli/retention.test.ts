// Holds, purges and retention at the command line: what is sent, what is printed, which use is refused.

import { expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { useFakeApi } from './fake-api.ts';

const { replies, seen, run } = useFakeApi();
const [session, hold] = [newId('ses'), newId('hld')];
const step = { by: 'carol@example.com', at: '2026-11-21T10:00:00.000Z', reason: 'a dispute \x1b[31m' };
const placed = { id: hold, scope: { of: 'session', session }, placed: step };
const json = (text: string) => JSON.parse(text) as unknown;

it.each([
  [['--session', session], { of: 'session', session }],
  [
    ['--session', session, hold.replace('hld', 'ses')],
    { of: 'sessions', sessions: [session, hold.replace('hld', 'ses')] },
  ],
  [['--user', 'alice@example.com'], { of: 'user', email: 'alice@example.com' }],
  [['--resource', 'orders'], { of: 'resource', resource: 'orders' }],
  [
    ['--since', '2026-11-20 00:00Z', '--until', '2026-11-21 00:00Z'],
    { of: 'time', since: '2026-11-20T00:00:00.000Z', until: '2026-11-21T00:00:00.000Z' },
  ],
  [
    // A day is part of it, from its midnight here to the next.
    ['--since', '2026-11-20', '--until', '2026-11-20'],
    { of: 'time', since: new Date(2026, 10, 20).toISOString(), until: new Date(2026, 10, 21).toISOString() },
  ],
])('hold place %j says what it holds', async (args, scope) => {
  replies['POST /api/v1/holds'] = { body: placed };
  const { code, stdout } = await run('hold', 'place', ...args, '--reason', 'a dispute', '--json');
  expect([code, json(stdout)]).toEqual([0, { hold: placed }]);
  expect(seen.map(({ body }) => json(body))).toEqual([{ scope, reason: 'a dispute' }]);
});

it('hold place names what it cannot hold, and says what it holds now', async () => {
  const place = (...args: string[]) => run('hold', 'place', ...args, '--reason', 'a dispute');
  const banana = await place('--session', 'banana');
  expect([banana.code, banana.stderr]).toEqual([2, expect.stringContaining('--session banana')]);
  const reversed = await place('--since', '2026-11-21', '--until', '2026-11-20');
  expect([reversed.code, reversed.stderr]).toEqual([2, expect.stringContaining('since must be before until')]);
  expect(reversed.stderr).not.toContain('[object');
  const now = { sessions: 0, more: false, known: false };
  replies['POST /api/v1/holds'] = { body: { ...placed, scope: { of: 'user', email: 'alicia@example.com' }, now } };
  const { stdout } = await place('--user', 'alicia@example.com');
  expect(stdout).toContain('It holds 0 sessions now; alicia@example.com is not known here.');
});

it('hold place --search counts to the last page, and holds what was found when it is told to', async () => {
  const search = newId('hsr');
  const found = (sessions: number, done: boolean) => ({
    body: { id: search, query: 'drop table', at: step.at, sessions, done, tooMany: false },
  });
  replies['POST /api/v1/holds/searches'] = found(1_000, false);
  replies[`POST /api/v1/holds/searches/${search}`] = found(1_234, true);
  const scope = { of: 'sessions', sessions: [session], query: 'drop table' };
  replies['POST /api/v1/holds'] = { body: { ...placed, scope } };
  const place = (...more: string[]) => run('hold', 'place', '--search', 'drop table', '--reason', 'a dispute', ...more);
  const dry = await place('--dry-run');
  expect([dry.code, dry.stdout]).toEqual([0, 'The search finds 1234 sessions. Nothing was held.\n']);
  const unasked = await place();
  expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringContaining('nothing was held')]);
  expect(seen.map(({ url }) => url)).not.toContain('/api/v1/holds');
  const { code, stdout } = await place('--yes', '--json');
  expect([code, json(stdout)]).toEqual([0, { hold: { ...placed, scope } }]);
  expect(json(seen.at(-1)?.body ?? '')).toEqual({ scope: { of: 'search', search }, reason: 'a dispute' });
  replies['GET /api/v1/holds'] = { body: { holds: [{ ...placed, scope, named: 1_234 }] } };
  expect((await run('hold', 'list')).stdout).toContain('1234 sessions found by drop table');
});

it('hold lift says whether somebody else has to agree, and hold list how far objects are held', async () => {
  replies[`POST /api/v1/holds/${hold}/lift`] = { body: { ...placed, lifting: step } };
  expect((await run('hold', 'lift', hold, '--reason', 'settled')).stdout).toContain('until somebody else agrees');
  const standing = { sessions: 2, whole: false, at: step.at };
  replies['GET /api/v1/holds'] = { body: { holds: [{ ...placed, standing }] } };
  const { stdout } = await run('hold', 'list');
  expect(stdout).toContain('2, not all held yet');
  expect(stdout).not.toContain('\x1b');
  // Of an earlier release, which took any text for a person.
  const nobody = { ...placed, id: newId('hld'), scope: { of: 'user', email: 'alice' } };
  replies['GET /api/v1/holds'] = { body: { holds: [{ ...placed, standing }, nobody] } };
  const list = (await run('hold', 'list')).stdout;
  expect(list).toContain('none: no address');
  expect(list).toContain(`${nobody.id}: It is on what is no address and covers nobody`);
  expect(list).not.toContain(`${placed.id}: It is`);
});

it('purge --dry-run lists what goes and what cannot, --now orders, --early waits for another', async () => {
  const refusals = [{ why: 'locked', mode: 'COMPLIANCE', until: '2027-02-18T13:00:00.000Z' }];
  const other = newId('ses');
  const report = { at: step.at, dryRun: true, purged: [], proposed: [session], failed: [], more: false };
  replies['GET /api/v1/purges/report'] = { body: { ...report, refused: [{ session: other, refusals }] } };
  const dry = await run('purge', '--dry-run');
  expect(dry.stdout).toMatch(
    new RegExp(`${session}\\s+goes\\s+${other}\\s+Its objects are locked in compliance mode until 2027`),
  );
  expect(json((await run('purge', '--dry-run', '--json')).stdout)).toMatchObject({
    refused: [{ session: other, refusals }],
  });

  replies['POST /api/v1/purges/order'] = { body: { ordered: [session] } };
  expect(json((await run('purge', '--now', '--session', session, '--json')).stdout)).toEqual({ ordered: [session] });
  expect(json(seen.at(-1)?.body ?? '')).toEqual({ session });

  replies[`POST /api/v1/sessions/${session}/purge`] = { body: { session, state: 'waiting', until: step.at } };
  const early = await run('purge', '--early', '--session', session, '--reason', 'asked to be forgotten');
  expect(early.stdout).toContain('waits for another person');
});

it('purge of one session says what keeps it, until when and by which hold, where it does not go', async () => {
  const until = '2027-02-18T13:00:00.000Z';
  const kept = {
    ...{ session, connector: newId('con'), finished: true, storedAt: step.at, keptUntil: until, locks: [] },
    ...{ evidence: { versions: 3, markers: 0, bytes: 9 }, heldObjects: 3, holds: [hold], early: [] },
    refusals: [
      { why: 'held', holds: [hold] },
      { why: 'held_objects', objects: 3 },
      { why: 'kept', until },
    ],
    retention: { rule: 'orders-prod', policyVersion: 3, retainDays: 90 },
  };
  const report = { at: step.at, dryRun: true, purged: [], proposed: [], refused: [], failed: [], more: false };
  replies[`GET /api/v1/purges/report?session=${session}`] = { body: report };
  replies[`GET /api/v1/sessions/${session}/retention`] = { body: kept };
  replies['POST /api/v1/purges/order'] = { body: { ordered: [] } };
  const stays = new RegExp(
    `rule orders-prod keeps it 90 days\\.\\n  It is under legal hold: ${hold}\\.\\n  3 objects .* within the hour\\.\\n  Its rule keeps it until 2027-02-18`,
  );
  const dry = (...more: string[]) => run('purge', '--dry-run', '--session', session, ...more);
  expect((await dry()).stdout).toMatch(stays);
  expect(json((await dry('--json')).stdout)).toEqual({ ...report, kept });
  const now = await run('purge', '--now', '--session', session);
  expect(now.stdout).toMatch(/^Nothing was ordered\.\n/);
  expect(now.stdout).toMatch(stays);
});

it('purge --early --user asks for each of their sessions, and says of each what came of it', async () => {
  const sessions = Array.from({ length: 6 }, () => newId('ses'));
  const [ordered = '', held = ''] = sessions;
  const left = '/api/v1/purges/left?email=alice%40example.com';
  replies[`GET ${left}`] = { body: { sessions: sessions.slice(0, 4), after: sessions[3] } };
  replies[`GET ${left}&after=${sessions[3]}`] = { body: { sessions: sessions.slice(4) } };
  for (const each of sessions)
    replies[`POST /api/v1/sessions/${each}/purge`] = { body: { session: each, state: 'waiting', until: step.at } };
  replies[`POST /api/v1/sessions/${ordered}/purge`] = { body: { session: ordered, state: 'ordered' } };
  const message = `It is under legal hold: ${hold}.`;
  replies[`POST /api/v1/sessions/${held}/purge`] = { status: 403, body: { error: { reason: 'denied', message } } };
  const purge = (...more: string[]) =>
    run('purge', '--early', '--user', 'Alice@Example.com', '--reason', 'asked to be forgotten', ...more);
  const unasked = await purge();
  expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringContaining('say --yes')]);
  expect(seen.filter(({ method }) => method === 'POST')).toEqual([]);
  const all = await purge('--yes');
  expect([all.code, all.stderr]).toEqual([1, expect.stringContaining('1 session of 6 stays')]);
  expect(all.stdout.match(/^ses_\w+/gm)).toEqual(sessions);
  expect(all.stdout).toMatch(new RegExp(`${ordered} +is ordered[\\s\\S]*${held} +It is under legal hold: ${hold}`));
  expect(all.stdout).toContain(`waits for another person until 2026-11-21`);
  expect(new Set(seen.filter(({ method }) => method === 'POST').map(({ body }) => body))).toEqual(
    new Set([JSON.stringify({ reason: 'asked to be forgotten' })]),
  );
  const listed = json((await purge('--yes', '--json')).stdout) as { sessions: object[] };
  expect(listed.sessions).toHaveLength(6);
  expect(listed.sessions[1]).toEqual({ session: held, state: 'refused', reason: 'denied', message });
  // Gatehouse away is no answer about a session.
  replies[`POST /api/v1/sessions/${held}/purge`] = { status: 503, body: { error: { reason: 'unavailable', message } } };
  expect((await purge('--yes')).code).toBe(3);
  replies[`GET ${left}`] = { body: { sessions: [] } };
  expect(await purge()).toMatchObject({ code: 0, stdout: 'Nothing of alice@example.com is left to be purged.\n' });
});

it('of a purged session every command says when it was, and by which entry of the audit log', async () => {
  const purged = { at: '2026-11-22T10:00:00.000Z', audit: 41 };
  const evidence = { versions: 0, markers: 0, bytes: 0 };
  const base = { session, connector: newId('con'), finished: false, locks: [], evidence, heldObjects: 0, holds: [] };
  const kept = { ...base, refusals: [], early: [], purged };
  replies[`GET /api/v1/sessions/${session}/retention`] = { body: kept };
  const gone = /purged at 2026-11-22 .*entry 41 of the audit log/;
  const shown = await run('retention', 'show', session);
  expect(shown.stdout).toMatch(gone);
  expect(shown.stdout).not.toContain('rule');
  const retention = { rule: 'orders-prod', policyVersion: 3, retainDays: 90 };
  const was = { ...evidence, versions: 1_200, manifest: 'ab'.repeat(32) };
  const purge = { session, connector: base.connector, state: 'settled', at: purged.at, retention, evidence: was };
  replies[`GET /api/v1/sessions/${session}/retention`] = { body: { ...kept, purge } };
  expect((await run('retention', 'show', session)).stdout).toMatch(
    /It was 1,200 objects, which rule orders-prod kept 90 days; manifest abab/,
  );
  const message = 'The session was purged at 2026-11-22T10:00:00.000Z, as entry 41 of the audit log ordered.';
  const missing = { status: 404, body: { error: { reason: 'not_found', message, purged } } };
  for (const part of ['', '/replay', '/objects', '/export'])
    replies[`GET /api/v1/sessions/${session}${part}`] = missing;
  replies['GET /api/v1/connectors'] = { body: { connectors: [] } };
  for (const command of [['session'], ['replay'], ['verify'], ['export']]) {
    const { code, stderr } = await run(...command, session);
    expect([command, code !== 0, stderr]).toEqual([command, true, expect.stringContaining('entry 41')]);
  }
  const asJson = json((await run('session', session, '--json')).stderr || '{}');
  expect(asJson).toMatchObject({ error: { reason: 'not_found', purged } });
});

it('retention show says what keeps a session, and from when on it can be purged', async () => {
  const until = '2027-02-18T13:00:00.000Z';
  const evidence = { versions: 3, markers: 0, bytes: 9 };
  const kept = {
    ...{ session, connector: newId('con'), finished: true, storedAt: step.at, keptUntil: until, locks: [], evidence },
    ...{ heldObjects: 0, holds: [], refusals: [{ why: 'kept', until }], early: [], possibleFrom: until },
    retention: { rule: 'orders-prod', policyVersion: 3, retainDays: 90 },
  };
  replies[`GET /api/v1/sessions/${session}/retention`] = { body: kept };
  const { stdout } = await run('retention', 'show', session);
  expect(stdout).toMatch(/3 objects.*rule orders-prod keeps it 90 days[\s\S]*It can be purged from 2027-02-18/);
  expect(json((await run('retention', 'show', session, '--json')).stdout)).toEqual(kept);
  const contradicted = { why: 'contradicted', claimed: 90, granted: 400, until };
  replies[`GET /api/v1/sessions/${session}/retention`] = { body: { ...kept, granted: 400, refusals: [contradicted] } };
  const other = (await run('retention', 'show', session)).stdout;
  expect(other).toMatch(/keeps it 90 days, and the edge granted 400[\s\S]*Its recording says 90 days/);
  const asked = { by: 'bob@example.com', reason: 'asked to be forgotten', until };
  replies[`GET /api/v1/sessions/${session}/retention`] = { body: { ...kept, asked } };
  expect((await run('retention', 'show', session)).stdout).toContain('bob@example.com asked for its purge');
});

it.each([
  [['purge'], 'say one of --dry-run, --now and --early'],
  [['purge', '--now', '--dry-run'], 'say one of'],
  [['purge', '--early', '--reason', 'x'], '--early goes with one of --session and --user'],
  [['purge', '--early', '--user', 'a@b', '--session', session, '--reason', 'x'], 'one of --session and --user'],
  [['purge', '--early', '--user', 'a', '--reason', 'x'], '--user a'],
  [['purge', '--early', '--user', 'a@b'], '--reason'],
  [['purge', '--now', '--user', 'a@b'], '--user goes with --early'],
  [['purge', '--now', '--yes'], '--yes goes with --user'],
  [['purge', '--early', '--session', session], '--reason'],
  [['purge', '--now', '--reason', 'x'], '--reason goes with --early'],
  [['hold', 'place', '--reason', 'x'], 'name what to hold'],
  [['hold', 'place', '--user', 'a@b', '--resource', 'c', '--reason', 'x'], 'name what to hold'],
  [['hold', 'place', '--since', 'yesterday', '--reason', 'x'], '--until'],
  [['hold', 'place', '--search', 'x', '--user', 'a@b', '--reason', 'x'], '--search stands alone'],
  [['hold', 'place', '--user', 'a@b', '--yes', '--reason', 'x'], 'go with --search'],
  [['hold', 'lift', 'hld_1', '--reason', 'x'], 'HOLD hld_1'],
])('%j is refused before anything is sent', async (args, said) => {
  const { code, stderr } = await run(...args);
  expect([code, stderr]).toEqual([2, expect.stringContaining(said)]);
  expect(seen).toEqual([]);
});

it('erase-person says whether somebody else has to agree, and what stays', async () => {
  replies['POST /api/v1/erasures'] = { body: { state: 'waiting', until: step.at } };
  const erase = (...more: string[]) => run('erase-person', 'Alice@Example.com', '--reason', 'asked to', ...more);
  expect((await erase()).stdout).toContain('waits for another person until');
  expect(json(seen.at(-1)?.body ?? '')).toEqual({ email: 'alice@example.com', reason: 'asked to' });
  const erased = { state: 'erased', person: 'per_00000000000000000000000000' };
  replies['POST /api/v1/erasures'] = { body: erased };
  expect((await erase()).stdout).toContain('has per_00000000000000000000000000 in their place');
  expect(json((await erase('--json')).stdout)).toEqual(erased);
});

it('audit shows names, and with --json what is in the chain', async () => {
  const person = 'per_00000000000000000000000000';
  const details = { holder: person, reason: `for ${person}` };
  const entry = { sequence: 1, at: step.at, kind: 'grant.revoked', actor: person, object: 'grt_1', details };
  const page = { entries: [{ ...entry, previous: '0', digest: '1' }], names: { [person]: 'alice@example.com' } };
  replies['GET /api/v1/audit'] = { body: page };
  const { stdout } = await run('audit');
  expect(stdout).toContain('holder=alice@example.com reason=for alice@example.com');
  expect(stdout).not.toContain('per_');
  expect(json((await run('audit', '--json')).stdout)).toEqual(page);
});
