// Rules in force, from the policy to the connector: with the admission, and whenever they change.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AccessAnswer, ApiError } from '../../core/api.ts';
import { newId } from '../../core/ids.ts';
import { remote } from '../objects/rpc.ts';
import { resource, TestConnector, type TestLink } from '../test/connector.ts';
import { type Caller, callerAs } from '../test/people.ts';
import { audit } from '../test/grants.ts';

let alice: Caller;
let bob: Caller;
let connector: TestConnector;
let link: TestLink;
let version: number;

const ADMINISTRATORS = 'administrators: ["demo:administrators"]\nauditors: ["demo:auditors"]\n';
const rule = (name: string, more = '', access = 'ttl: 1h') =>
  `  - { name: ${name}, resources: { env: ruled }, who: ["demo:developers"], access: { ${access} }${more && `, ${more}`} }\n`;
const put = (rules: string, more: object = {}) =>
  bob.send('PUT', '/policy', { text: `${ADMINISTRATORS}rules:\n${rules}`, ...more });
const apply = async (rules: string) => {
  const applied = await put(rules);
  if (applied.status !== 200) throw new Error(await applied.text());
  version = (await applied.json<{ version: number }>()).version;
};
const grantFor = async (name = 'ruled-db') => {
  const answer = AccessAnswer.parse(await (await alice.send('POST', '/requests', { resource: name })).json());
  if (!('grant' in answer)) throw new Error('no grant');
  return answer.grant;
};
const admitted = async (grant: string, session = newId('ses'), on = link) => {
  const answer = await on.openSession(grant, session);
  if (answer.kind !== 'session.admitted') throw new Error(answer.message);
  return { session, rules: answer.rules, opened: answer.opened };
};
const stub = () => env.CONNECTOR_LINK.get(env.CONNECTOR_LINK.idFromName(connector.id));
const told = (session: string, on = link) =>
  on.next('rules.in_force', ({ sessions }) => sessions.includes(session as never));

/** A method of the one object of a class does not return until it is released; it has done its work before or after that. */
async function holdBack<T extends Rpc.DurableObjectBranded>(
  namespace: DurableObjectNamespace<T>,
  method: keyof T & string,
  wait: { readonly when: 'before' | 'after'; readonly if?: (argument: unknown) => boolean },
): Promise<{ release: () => void; isWaiting: () => boolean }> {
  let isHeld = true;
  let waits = false;
  let restore = () => {};
  await runInDurableObject(namespace.get(namespace.idFromName('only')), (object: object) => {
    const prototype = Object.getPrototypeOf(object);
    const original = prototype[method];
    restore = () => {
      prototype[method] = original;
    };
    prototype[method] = async function (...args: unknown[]) {
      const turn = async () => {
        while (isHeld && (wait.if?.(args[0]) ?? true)) {
          waits = true;
          await scheduler.wait(5);
        }
      };
      if (wait.when === 'before') await turn();
      const result = await original.apply(this, args);
      if (wait.when === 'after') await turn();
      return result;
    };
  });
  const release = () => {
    isHeld = false;
    restore();
  };
  return { release, isWaiting: () => waits };
}
/** The audit log does not answer about the opening of this session until it is released. */
const holdAuditOf = (session: string) =>
  holdBack(env.AUDIT_LOG, 'appendAll', {
    when: 'before',
    if: (events) =>
      (events as { kind: string; object: string }[]).some(
        ({ kind, object }) => kind === 'session.opened' && object === session,
      ),
  });

beforeAll(async () => {
  alice = await callerAs('alice');
  bob = await callerAs('bob');
  await alice.get('/me');
  connector = await TestConnector.join('rules');
});
beforeEach(async () => {
  await apply(rule('own', 'statements: [{ block: [drop] }]', 'ttl: 1h, idle: 10m'));
  link = await connector.link([resource('ruled-db', { env: 'ruled' }), resource('other-db', { env: 'other' })]);
});
afterEach(() => link.close());

describe('with the admission', () => {
  test('come the rules of the policy in force now, not of the one that gave the grant', async () => {
    const grant = await grantFor();
    expect((await admitted(grant.id)).rules).toEqual({
      policyVersion: version,
      rule: 'own',
      statements: [{ block: ['drop'] }],
      limits: { idle: 600_000 },
    });
    await apply(rule('first') + rule('own', 'mask: [{ columns: ["*.email"], with: partial }]'));
    const { rules, opened } = await admitted(grant.id);
    expect(rules).toEqual({
      policyVersion: version,
      rule: 'own',
      mask: [{ columns: ['*.email'], with: 'partial' }],
      limits: {},
    });
    expect(opened.grant.policyVersion).toBeLessThan(version);
    await apply(rule('renamed', 'statements: [{ warn: [delete] }]'));
    expect((await admitted(grant.id)).rules).toMatchObject({ rule: 'renamed', statements: [{ warn: ['delete'] }] });
  });

  test('nobody is let in whom the policy gives no access any more', async () => {
    const grant = await grantFor();
    await apply(rule('own').replace('demo:developers', 'demo:dba'));
    expect(await link.openSession(grant.id)).toMatchObject({ kind: 'session.refused', reason: 'policy_denied' });
    await apply(`${rule('no').replace('{ ttl: 1h }', 'deny')}${rule('own')}`);
    expect(await link.openSession(grant.id)).toMatchObject({ kind: 'session.refused', reason: 'policy_denied' });
    await apply(rule('own'));
    await admitted(grant.id);
  });

  test('whoever applies a policy is told which sessions and grants it ends or changes, before and after', async () => {
    await apply(rule('own'));
    const { id } = await grantFor();
    const { session } = await admitted(id);
    const effectsOf = async (rules: string) => {
      const text = `${ADMINISTRATORS}rules:\n${rules}`;
      const before = await (await bob.send('POST', '/policy/effects', { text })).json<{
        effects: { grant: string }[];
      }>();
      return before.effects.filter(({ grant }) => grant === id);
    };
    const on = { grant: id, email: 'alice@example.com', resource: 'ruled-db' };
    expect(await effectsOf(rule('own'))).toEqual([]);
    const blocks = rule('own', 'statements: [{ block: [truncate] }]');
    expect(await effectsOf(blocks)).toEqual([{ ...on, opens: true, ends: [], changes: [session], otherRules: true }]);
    // A grant on which nobody works is told of as well.
    const idle = await grantFor();
    const text = `${ADMINISTRATORS}rules:\n${blocks}`;
    const { effects } = await (await bob.send('POST', '/policy/effects', { text })).json<{ effects: object[] }>();
    expect(effects).toContainEqual({ ...on, grant: idle.id, opens: true, ends: [], changes: [], otherRules: true });
    const nets = rule('own', '', 'ttl: 1h, networks: ["192.0.2.0/24"]');
    expect(await effectsOf(nets)).toEqual([{ ...on, opens: true, ends: [session], changes: [], otherRules: false }]);
    const none = rule('own').replace('demo:developers', 'demo:dba');
    expect(await effectsOf(none)).toEqual([{ ...on, opens: false, ends: [session], changes: [], otherRules: false }]);
    // A stricter rule in front decides for new grants, and reaches neither of these.
    const strict = rule('strict', 'mask: [{ columns: ["*.email"], with: partial }]');
    const untouched = { ...on, opens: true, ends: [], changes: [], otherRules: false };
    const passedBy = { rule: 'strict', under: 'own' };
    expect(await effectsOf(strict + rule('own'))).toEqual([{ ...untouched, passedBy }]);
    expect(await effectsOf(rule('own') + strict)).toEqual([]);
    expect((await alice.send('POST', '/policy/effects', { text: '' })).status).toBe(403);
    const applied = await (await put(none)).json<{ version: number; effects: object[] }>();
    expect(applied.effects).toContainEqual({ ...on, opens: false, ends: [session], changes: [], otherRules: false });
    const { entries } = await audit.list({ limit: 50 });
    const details = entries.find(({ kind }) => kind === 'policy.applied')?.details;
    expect(details).toMatchObject({ version: applied.version });
    expect(details?.sessionsEnded).toBeGreaterThanOrEqual(1);
    await apply(rule('own'));
  });

  test('whoever is refused does not count as a session', async () => {
    const grant = await grantFor();
    await apply(rule('own', '', 'ttl: 1h, networks: ["192.0.2.0/24"]'));
    await link.openSession(grant.id);
    const live = (await remote(env.GRANTS).list('alice@example.com')).find(({ id }) => id === grant.id)?.liveSessions;
    expect(live).toBe(0);
  });

  test('a policy applied while the session is being opened counts for it', async () => {
    const grant = await grantFor();
    const session = newId('ses');
    const openedUnder = version;
    // By the time the audit log answers another policy is in force, and this link has heard of it.
    const { release, isWaiting } = await holdAuditOf(session);
    const opening = link.openSession(grant.id, session);
    await expect.poll(isWaiting).toBe(true);
    await apply(rule('own', 'statements: [{ block: [truncate] }]'));
    release();
    const answer = await opening;
    expect(version).toBeGreaterThan(openedUnder);
    expect(answer).toMatchObject({
      kind: 'session.admitted',
      rules: { policyVersion: version, statements: [{ block: ['truncate'] }] },
    });
  });

  test('a policy that takes the access away while the session is being opened refuses it', async () => {
    const grant = await grantFor();
    const session = newId('ses');
    const { release, isWaiting } = await holdAuditOf(session);
    const opening = link.openSession(grant.id, session);
    await expect.poll(isWaiting).toBe(true);
    await apply(rule('own').replace('demo:developers', 'demo:dba'));
    release();
    expect(await opening).toMatchObject({ kind: 'session.refused', reason: 'policy_denied' });
    await expect.poll(async () => await remote(env.GRANTS).connectorOf(session)).toBeUndefined();
  });

  test('an identity that does not fit beside the rules is refused, and the link stays', async () => {
    const grant = await grantFor();
    const groups = Array.from({ length: 1_000 }, (_, index) => `demo:${String(index).padStart(190, 'g')}`);
    await runInDurableObject(env.GRANTS.get(env.GRANTS.idFromName('only')), (_object, state) => {
      state.storage.sql.exec(
        `UPDATE grants SET identity = json_set(identity, '$.groups', json(?)) WHERE id = ?`,
        JSON.stringify(['demo:developers', ...groups.slice(1)]),
        grant.id,
      );
    });
    expect(await link.openSession(grant.id)).toMatchObject({ kind: 'session.refused', reason: 'not_supported' });
    await admitted((await grantFor()).id);
  });

  test('a break-glass and an exemption are named', async () => {
    await apply(
      rule(
        'own',
        'record: { exempt: dumps of test data }',
        'ttl: 1h, approval: { from: ["demo:dba"], breakGlass: { who: ["demo:developers"] } }',
      ).replace('demo:developers', 'user:alice@example.com'),
    );
    const broken = await alice.send('POST', '/requests', { resource: 'ruled-db', reason: 'fire', breakGlass: true });
    const answer = AccessAnswer.parse(await broken.json());
    if (!('grant' in answer)) throw new Error('no grant');
    const { opened, session } = await admitted(answer.grant.id);
    expect(opened.grant).toMatchObject({
      breakGlass: true,
      obligations: { record: { exempt: 'dumps of test data' } },
    });
    const { entries } = await audit.list({ limit: 50 });
    const named = entries.filter(({ details }) => details.notRecorded === 'dumps of test data').map(({ kind }) => kind);
    expect(named.sort()).toEqual(['grant.glass_broken', 'grant.issued', 'request.made', 'session.opened']);
    expect(entries.find(({ object }) => object === session)?.details).toMatchObject({ breakGlass: true });
    // Later sessions of the same grant are recorded again once the policy says so.
    await apply(rule('own'));
    expect((await admitted(answer.grant.id)).opened.grant.obligations.record.exempt).toBeUndefined();
  });
});

test('what masks hide is sealed to whom the policy in force names when the session opens', async () => {
  const keys = [
    'age1eelr335vc6l65lr5uhzsww98stdlp87t7df9qv7rtl3vh8eyu5zq96s749',
    'age1fe6zv79lgsv2w0zl26tdd52dpy6rvj86885mp43aldztdcg86ugqewhypq',
  ];
  const mask = 'mask: [{ columns: ["*.email"], with: partial }]';
  const sealed = (to: readonly string[]) => rule('own', `${mask}, record: { originals: { to: [${to.join(', ')}] } }`);
  const told = async (id: Parameters<typeof admitted>[0]) =>
    (await admitted(id)).opened.grant.obligations.record.originals;
  await apply(rule('own', mask));
  const grant = await grantFor();
  expect(await told(grant.id)).toBeUndefined();
  await apply(sealed(keys));
  expect(await told(grant.id)).toEqual(keys);
  // One of them left: sessions of the same grant are not sealed to that one any more.
  await apply(sealed(keys.slice(1)));
  expect(await told(grant.id)).toEqual(keys.slice(1));
});

describe('networks and time windows', () => {
  test('a client from elsewhere is refused, whoever it is', async () => {
    await apply(rule('own', '', 'ttl: 1h, networks: ["192.0.2.0/24", "2001:db8::/32"]'));
    const grant = await grantFor();
    expect((await link.openSession(grant.id, newId('ses'), '192.0.2.77')).kind).toBe('session.admitted');
    expect((await link.openSession(grant.id, newId('ses'), '::ffff:192.0.2.77')).kind).toBe('session.admitted');
    expect(await link.openSession(grant.id, newId('ses'), '198.51.100.1')).toMatchObject({
      reason: 'network_not_allowed',
      message: 'Rule own does not let you in from 198.51.100.1. Connect from one of its networks.',
    });
  });

  /** One that is open now and closes within two hours; one that is closed for the next twenty. */
  const clockAt = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString().slice(11, 16);
  const window = (from: number, to: number) =>
    `ttl: 1h, during: [{ from: "${clockAt(from)}", to: "${clockAt(to)}", zone: UTC }]`;

  test('outside the window nothing is granted and nothing is opened; within it the session ends with it', async () => {
    const grant = await grantFor();
    await apply(rule('own', '', window(2, 3)));
    expect(await link.openSession(grant.id)).toMatchObject({ reason: 'outside_time_window' });
    const denied = await alice.send('POST', '/requests', { resource: 'ruled-db' });
    expect(denied.status).toBe(403);
    expect(ApiError.parse(await denied.json()).error.message).toMatch(
      new RegExp(`^Rule own gives no access at this time\\. It opens on \\w+day [\\d-]+ ${clockAt(2)} \\(UTC\\)\\.$`),
    );
    await apply(rule('own', '', window(-1, 2)));
    const { rules } = await admitted(grant.id);
    const left = Date.parse(rules.limits.endsAt ?? '') - Date.now();
    expect(left > 1.9 * 3_600_000 && left <= 2 * 3_600_000).toBe(true);
  });

  test('a window that a new policy closes ends live sessions', async () => {
    const { session } = await admitted((await grantFor()).id);
    await apply(rule('own', '', window(2, 3)));
    const { rules } = await told(session);
    expect(Date.parse(rules?.limits.endsAt ?? '')).toBeLessThanOrEqual(Date.now());
  });
});

describe('when a policy is applied', () => {
  test('live sessions hear of it, those under equal rules together', async () => {
    const grant = await grantFor();
    const sessions = [await admitted(grant.id), await admitted(grant.id), await admitted(grant.id)];
    await apply(rule('own', 'statements: [{ hold: [grant], approval: { from: ["demo:dba"], within: 7m } }]'));
    const message = await told(sessions[0]?.session ?? '');
    expect(message).toMatchObject({ policyVersion: version, rules: { rule: 'own', policyVersion: version } });
    expect(message.rules?.statements?.[0]?.approval?.within).toBe(420_000);
    expect(sessions.map(({ session }) => (message.sessions as string[]).includes(session))).toEqual([true, true, true]);
    expect(link.pending('rules.in_force')).toBe(0);
  });

  test('sessions without access hear that there are no rules', async () => {
    const { session } = await admitted((await grantFor()).id);
    await apply(rule('own').replace('demo:developers', 'demo:dba'));
    expect((await told(session)).rules).toBeUndefined();
  });

  test('sessions from networks that are closed by it hear that there are no rules', async () => {
    const grant = await grantFor();
    const inside = newId('ses');
    await link.openSession(grant.id, inside, '192.0.2.7');
    const outside = await admitted(grant.id);
    await apply(rule('own', '', 'ttl: 1h, networks: ["192.0.2.0/24"]'));
    expect((await told(inside)).rules?.rule).toBe('own');
    expect((await told(outside.session)).rules).toBeUndefined();
  });

  test('durations go as written, also to an object that slept', async () => {
    const { session } = await admitted((await grantFor()).id);
    await evictDurableObject(stub());
    await apply(rule('own', '', 'ttl: 1h, idle: 90s'));
    expect((await told(session)).rules?.limits.idle).toBe(90_000);
  });

  test('a link that was not told notices by itself', async () => {
    const { session } = await admitted((await grantFor()).id);
    const text = `${ADMINISTRATORS}rules:\n${rule('own', 'statements: [{ block: [truncate] }]')}`;
    // As if the call to the link had been lost.
    await remote(env.DIRECTORY).applyPolicy(text, 'bob@example.com', version);
    await runDurableObjectAlarm(stub());
    expect(await told(session)).toMatchObject({
      policyVersion: version + 1,
      rules: { statements: [{ block: ['truncate'] }] },
    });
  });

  test('many sessions are told in messages of at most a thousand', async () => {
    const grant = await grantFor();
    const ids = Array.from({ length: 2_300 }, () => newId('ses'));
    await runInDurableObject(env.GRANTS.get(env.GRANTS.idFromName('only')), (_object, state) => {
      for (const id of ids)
        state.storage.sql.exec(
          'INSERT INTO sessions (session, grant_id, connector, opened_ms, address) VALUES (?, ?, ?, 0, ?)',
          id,
          grant.id,
          connector.id,
          '10.0.0.9',
        );
    });
    await apply(rule('own', 'statements: [{ block: [truncate] }]'));
    const heard = new Set<string>();
    while (!ids.every((id) => heard.has(id))) {
      const { sessions } = await link.next('rules.in_force', (message) => message.policyVersion === version);
      expect(sessions.length).toBeLessThanOrEqual(1_000);
      for (const id of sessions) heard.add(id);
    }
    await runInDurableObject(env.GRANTS.get(env.GRANTS.idFromName('only')), (_object, state) => {
      state.storage.sql.exec('DELETE FROM sessions WHERE opened_ms = 0');
    });
  });
});

describe('when a connector comes back', () => {
  test('it hears what is in force for the sessions it carries', async () => {
    const { session } = await admitted((await grantFor()).id);
    link.close();
    await link.whenClosed();
    await apply(rule('own', 'statements: [{ block: [truncate] }]'));
    link = await connector.link([resource('ruled-db', { env: 'ruled' })], [session]);
    expect(await told(session)).toMatchObject({
      policyVersion: version,
      sessions: [session],
      rules: { statements: [{ block: ['truncate'] }] },
    });
  });

  test('what happens while it is being greeted reaches it', async () => {
    const grant = await grantFor();
    const { session } = await admitted(grant.id);
    link.close();
    await link.whenClosed();
    // It has read what was revoked, and not answered yet.
    const { release, isWaiting } = await holdBack(env.GRANTS, 'resume', { when: 'after' });
    link = await connector.open();
    link.send({
      kind: 'hello',
      connector: connector.id,
      build: 'tests',
      resources: [resource('ruled-db', { env: 'ruled' })],
      live: [session],
    } as never);
    await expect.poll(isWaiting).toBe(true);
    await alice.send('POST', `/grants/${grant.id}/revoke`, { reason: 'meanwhile' });
    await apply(rule('own', 'statements: [{ block: [truncate] }]'));
    release();
    expect(await link.next('grant.revoked', (message) => message.grant === grant.id)).toMatchObject({
      reason: 'meanwhile',
    });
    expect(await link.next('rules.in_force', (message) => message.policyVersion === version)).toMatchObject({
      rules: { statements: [{ block: ['truncate'] }] },
    });
  });

  test('for sessions that the edge knows nothing of there are no rules', async () => {
    const stray = newId('ses');
    link = await connector.link([], [stray]);
    expect((await told(stray)).rules).toBeUndefined();
  });
});

describe('nobody is locked out by mistake', () => {
  const reasonOf = async (answer: Response) => [answer.status, ApiError.parse(await answer.json()).error.message];
  const other = 'administrators: ["demo:nobody-yet"]\nrules: []\n';

  test('whoever applies a policy stays an administrator under it', async () => {
    const [status, message] = await reasonOf(await bob.send('PUT', '/policy', { text: other }));
    expect([status, message]).toEqual([
      403,
      expect.stringMatching(/^Under this policy you would not be an administrator/),
    ]);
    expect(await remote(env.DIRECTORY).policy()).toMatchObject({ version });
  });

  test('or steps down, and leaves somebody who is known', async () => {
    const [status, message] = await reasonOf(await bob.send('PUT', '/policy', { text: other, stepDown: true }));
    expect([status, message]).toEqual([403, expect.stringMatching(/^Nobody who has signed in within 30 days/)]);
    const handedOver = other.replace('demo:nobody-yet', 'user:carol@example.com');
    const carol = await callerAs('carol');
    expect((await bob.send('PUT', '/policy', { text: handedOver })).status).toBe(403);
    expect((await bob.send('PUT', '/policy', { text: handedOver, stepDown: true })).status).toBe(200);
    expect((await bob.get('/policy')).status).toBe(403);
    const back = { text: `${ADMINISTRATORS}rules: []\n`, stepDown: true };
    expect((await carol.send('PUT', '/policy', back)).status).toBe(200);
    const { entries } = await audit.list({ kind: 'policy.applied', limit: 2 });
    expect(entries.map(({ actor, details }) => [actor, details.stepDown])).toEqual([
      ['carol@example.com', true],
      ['bob@example.com', true],
    ]);
  });

  test.each([
    ['no administrators', 'rules: []\n'],
    ['an empty list of them', 'administrators: []\nrules: []\n'],
  ])('a policy with %s is none', async (_name, text) => {
    expect((await bob.send('PUT', '/policy', { text, stepDown: true })).status).toBe(400);
  });
});
