// Joining by an AWS identity, and the ways in which others were talked into taking one that was not.

import { runDurableObjectAlarm, runInDurableObject, SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { AwsV4Signer } from 'aws4fetch';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type IamJoinRequest, STS_BODY, stsHeaders, stsHost } from '../../../core/connectors/iam-join.ts';
import { idOfTask, IamRole, parseAssumedRole, roleArn } from '../../../core/connectors/iam-role.ts';
import { SiteName } from '../../../core/fleet/site.ts';
import type { ConnectorId } from '../../../core/ids.ts';
import { identityXml, type StsCaller, type StsDouble, stsDouble, TASK } from '../../../test/harness/sts/sts-double.ts';
import { createDeps } from '../../deps.ts';
import { remote } from '../../objects/rpc.ts';
import { parseSettings } from '../../settings.ts';
import { EDGE } from '../../test/browser.ts';
import { resource, TestConnector } from '../../test/connector.ts';
import { newest } from '../../test/grants.ts';
import { callerAs } from '../../test/people.ts';
import { iamNonce, joinByIam } from './iam-join.ts';

const ROLE = IamRole.parse('arn:aws:iam::123456789012:role/gatehouse-connector');
const REGION = 'eu-central-1';
let sts: StsDouble;
beforeAll(() => callerAs('bob'));
beforeEach(() => {
  sts = stsDouble();
});

const deps = (more: object = {}) => ({
  ...createDeps(env).connectors.service,
  iamRoles: [{ role: ROLE, name: undefined, site: undefined }],
  askSts: (request: Request) => sts.ask(request),
  ...more,
});

async function nonceFor(key: string, at = deps()): Promise<string> {
  const made = await iamNonce(at, { key });
  if (!made.ok) throw new Error(made.error.message);
  return made.value.nonce;
}

interface Signed {
  readonly caller?: StsCaller;
  readonly edge?: string;
  readonly region?: string;
  readonly at?: number;
  readonly url?: string;
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
  readonly signQuery?: boolean;
}

/** As a connector signs it, but for what is changed in what is signed. */
async function signed(terms: Omit<IamJoinRequest, 'sts'>, change: Signed = {}): Promise<IamJoinRequest> {
  const { caller = TASK, edge = EDGE, region = REGION, at = Date.now() } = change;
  const date = new Date(at).toISOString().replace(/[:-]|\.\d{3}/g, '');
  const sts = { region, date, sessionToken: caller.sessionToken };
  const { host: _, ...headers } = stsHeaders(edge, { ...terms, sts });
  const signer = new AwsV4Signer({
    method: change.method ?? 'POST',
    url: change.url ?? `https://${stsHost(region)}/`,
    headers: { ...headers, ...change.headers },
    ...(change.method === 'GET' ? {} : { body: change.body ?? STS_BODY }),
    ...{ accessKeyId: caller.accessKeyId, secretAccessKey: caller.secretAccessKey, sessionToken: caller.sessionToken },
    ...{ service: 'sts', region, datetime: date, allHeaders: true, signQuery: change.signQuery ?? false },
  });
  return { ...terms, sts: { ...sts, accessKeyId: caller.accessKeyId, signature: await signer.signature() } };
}

async function terms(name = 'site-a'): Promise<Omit<IamJoinRequest, 'sts'> & { privateKey: CryptoKey }> {
  const { key, privateKey } = await TestConnector.newKey();
  return { name, key, nonce: await nonceFor(key), privateKey };
}
const join = (request: IamJoinRequest, at = deps()) => {
  const { name, key, nonce, sts } = request;
  return joinByIam(at, { name, key, nonce, sts }, crypto.randomUUID());
};

describe('a task joins by its AWS identity', () => {
  test('by a question that the edge builds, and gets the same id again with a new key', async () => {
    const first = await terms();
    const joined = await join(await signed(first));
    const role = parseAssumedRole(TASK.arn);
    const id = role && (await idOfTask(role, 'site-a'));
    expect(joined).toEqual({ ok: true, value: { connector: id } });
    const [asked] = sts.asked;
    expect([asked?.method, asked?.url, asked?.body]).toEqual([
      'POST',
      'https://sts.eu-central-1.amazonaws.com/',
      STS_BODY,
    ]);
    expect([...(asked?.headers.keys() ?? [])].sort()).toEqual([
      ...['accept', 'authorization', 'content-type', 'x-amz-date', 'x-amz-security-token'],
      ...['x-gatehouse-audience', 'x-gatehouse-key', 'x-gatehouse-name', 'x-gatehouse-nonce'],
    ]);
    expect(await newest('connector.joined')).toMatchObject({
      actor: `connector:${id}`,
      details: { invitedBy: 'arn:aws:iam::123456789012:role/gatehouse-connector 0a1b2c3d4e5f' },
    });
    if (!joined.ok) return;
    const one = new TestConnector(joined.value.connector, first.key, first.privateKey);
    expect((await one.dial()).status).toBe(101);
    // Started anew without a volume.
    const second = await terms();
    expect(await join(await signed(second))).toEqual(joined);
    const two = new TestConnector(joined.value.connector, second.key, second.privateKey);
    expect((await two.dial()).status).toBe(101);
    expect((await one.dial()).status).toBe(401);
    const { keys } = (await remote(env.DIRECTORY).keysOfConnector(joined.value.connector)) ?? {};
    expect(keys).toMatchObject([{ key: first.key, replaced: expect.any(String) }, { key: second.key }]);
    // Another task of the role is another connector, whose id begins alike.
    sts.callers.push({
      ...TASK,
      accessKeyId: 'ASIAEXAMPLEEXAMPLE02',
      arn: TASK.arn.replace('5f', '60'),
      userId: TASK.userId.replace('5f', '60'),
    });
    const other = await join(await signed(await terms(), { caller: sts.callers[1] as StsCaller }));
    expect(other.ok && other.value.connector.slice(0, 17)).toBe(id?.slice(0, 17));
    expect(other.ok && other.value.connector).not.toBe(id);
  });

  /** A task of the role, with its key. */
  async function joinAs(name: string, task: string, at = deps()) {
    const accessKeyId = `ASIAEXAMPLEEXAMPLE${task}`;
    const caller = { ...TASK, accessKeyId, arn: TASK.arn.replace('5f', task), userId: TASK.userId.replace('5f', task) };
    sts.callers.push(caller);
    const asked = await terms(name);
    const joined = await join(await signed(asked, { caller }), at);
    if (!joined.ok) throw new Error(joined.error.message);
    return new TestConnector(joined.value.connector, asked.key, asked.privateKey);
  }

  test('as a replica of the site that the setting names, so that tasks of a role share their resources', async () => {
    const { CONNECTOR_IAM_ROLES: iamRoles } = parseSettings({
      ...env,
      CONNECTOR_IAM_ROLES: `${roleArn(ROLE)}, ${roleArn(ROLE)} fargate site=cologne`,
    });
    const at = deps({ iamRoles });
    const one = await joinAs('fargate', '71', at);
    const other = await joinAs('fargate', '72', at);
    expect(await newest('connector.joined')).toMatchObject({ details: { site: 'cologne' } });
    const links = [await one.link([resource('cologne-db')]), await other.link([resource('cologne-db')])];
    for (const link of links) {
      await link.ping();
      expect(link.pending('resource.contested')).toBe(0);
    }
    const replicas = (await remote(env.DIRECTORY).resource('cologne-db'))?.replicas.map(({ id }) => id);
    expect(replicas?.toSorted()).toEqual([one.id, other.id].toSorted());
    // What is said of the role alone holds for other names: of no site, and so not in this one's place.
    const stranger = await (await joinAs('other', '73', at)).link([resource('cologne-db')]);
    await stranger.next('resource.contested', ({ yours }) => !yours);
    // Put elsewhere by an administrator, it stays there where the setting says nothing, and is put back where it does.
    const siteOf = async () => (await remote(env.DIRECTORY).connector(one.id))?.site;
    await remote(env.DIRECTORY).setSite(one.id, SiteName.parse('bremen'));
    await joinAs('fargate', '71');
    expect(await siteOf()).toBe('bremen');
    await joinAs('fargate', '71', at);
    expect(await siteOf()).toBe('cologne');
  });

  test('and is retired when it was away for a day: its names are free, its key is refused, and it may join again', async () => {
    const directory = env.DIRECTORY.get(env.DIRECTORY.idFromName('only'));
    const [gone, there] = [await joinAs('retiring', '81'), await joinAs('staying', '82')];
    const byToken = await TestConnector.join('by-token');
    const link = await gone.link([resource('retiring-db')]);
    await there.link([resource('staying-db')]);
    link.close();
    await link.whenClosed();
    await expect.poll(async () => remote(env.CONNECTOR_LINK, gone.id).isLinked()).toBe(false);
    const seenHoursAgo = (hours: number) =>
      runInDurableObject(directory, (_, state) => {
        const ids = [gone.id, there.id, byToken.id];
        const seen = Date.now() - hours * 3_600_000;
        state.storage.sql.exec('UPDATE connectors SET seen_ms = ? WHERE id IN (?, ?, ?)', seen, ...ids);
      });
    const retired = async (id: ConnectorId) => (await remote(env.DIRECTORY).connector(id))?.retired;
    await seenHoursAgo(23);
    await runDurableObjectAlarm(directory);
    expect(await retired(gone.id)).toBeUndefined();
    await seenHoursAgo(25);
    await runDurableObjectAlarm(directory);
    expect(await retired(gone.id)).toBeDefined();
    expect(await newest('connector.retired')).toMatchObject({ object: gone.id, details: { key: gone.key } });
    expect(await remote(env.DIRECTORY).resource('retiring-db')).toBeUndefined();
    expect((await gone.dial()).status).toBe(401);
    // One that is linked is not away, and one that joined by a token keeps its key.
    expect(await retired(there.id)).toBeUndefined();
    expect(await retired(byToken.id)).toBeUndefined();
    expect(await remote(env.DIRECTORY).keysOfConnector(gone.id)).toMatchObject({
      version: 2,
      keys: [{ key: gone.key, replaced: expect.any(String) }],
    });
    const again = await joinAs('retiring', '81');
    expect(again.id).toBe(gone.id);
    expect((await again.dial()).status).toBe(101);
    expect(await retired(gone.id)).toBeUndefined();
  });

  test('only as long as it is not revoked', async () => {
    const name = 'revoked';
    const joined = await join(await signed(await terms(name)));
    if (!joined.ok) throw new Error(joined.error.message);
    await remote(env.DIRECTORY).revokeConnector(joined.value.connector, 'bob@example.com', 'stolen');
    expect(await join(await signed(await terms(name)))).toMatchObject({ ok: false, error: { reason: 'forbidden' } });
  });
});

/** Of many refusals the audit log counts; what each says tells them apart. */
const WORDS: Readonly<Record<string, string>> = {
  nonce_wrong: 'The nonce is not one',
  date_wrong: "The signature's date",
  sts_refused: 'AWS does not take the signature',
  sts_redirected: 'AWS STS answered with a redirect',
  answer_unknown: 'What AWS STS answered is not understood',
  no_assumed_role: 'This AWS identity is no assumed role',
  account_differs: 'What AWS STS answered contradicts itself',
  partition_differs: 'What AWS STS answered is of another partition',
  role_not_allowed: 'This role may have no connector',
};
function reasonIn(answer: Awaited<ReturnType<typeof join>>): string {
  if (answer.ok) return 'joined';
  const { message } = answer.error;
  return Object.keys(WORDS).find((reason) => message.startsWith(WORDS[reason] ?? '-')) ?? message;
}

describe('what is refused without a question', () => {
  const reasonOf = async (request: IamJoinRequest, at = deps()) => {
    const answer = await join(request, at);
    expect(sts.asked).toEqual([]);
    return reasonIn(answer);
  };

  test('a nonce of another connector, of another edge, made up, or over', async () => {
    const mine = await terms();
    const other = await terms();
    expect(await reasonOf(await signed({ ...mine, nonce: other.nonce }))).toBe('nonce_wrong');
    const elsewhere = await nonceFor(mine.key, deps({ publicUrl: 'https://other.example.com' }));
    expect((await join(await signed({ ...mine, nonce: elsewhere }))).ok).toBe(false);
    const otherSecret = await nonceFor(
      mine.key,
      deps({ edgeSecret: parseSettings({ ...env, EDGE_SECRET: btoa('x'.repeat(32)) }).EDGE_SECRET }),
    );
    expect((await join(await signed({ ...mine, nonce: otherSecret }))).ok).toBe(false);
    const [expires = '', ...rest] = mine.nonce.split('.');
    const later = [String(Number(expires) + 1), ...rest].join('.');
    expect((await join(await signed({ ...mine, nonce: later }))).ok).toBe(false);
    const clock = { ...deps().clock, now: () => Date.now() + 6 * 60_000 };
    expect((await join(await signed(mine, { at: clock.now() }), deps({ clock }))).ok).toBe(false);
    expect(sts.asked).toEqual([]);
  });

  test('a date that is not of now', async () => {
    for (const minutes of [-6, 6])
      expect((await join(await signed(await terms(), { at: Date.now() + minutes * 60_000 }))).ok).toBe(false);
    const mine = await signed(await terms());
    expect((await join({ ...mine, sts: { ...mine.sts, date: '99999999T999999Z' } })).ok).toBe(false);
    expect(sts.asked).toEqual([]);
  });

  test('a region that is none, whatever its name would do to an address', async () => {
    const mine = await signed(await terms());
    expect((await join({ ...mine, sts: { ...mine.sts, region: 'xx-nowhere-1' } })).ok).toBe(false);
    expect(sts.asked).toEqual([]);
    for (const region of ['eu-central-1.evil.example', 'eu-central-1@evil', '../x', 'eu-central-1/', 'EU-CENTRAL-1']) {
      const refused = await post('/connectors/join/iam', { ...mine, sts: { ...mine.sts, region } });
      expect([region, refused.status]).toEqual([region, 400]);
    }
  });

  test('any part that is not one of those: addresses, headers, bodies, methods', async () => {
    const { privateKey: _, ...own } = await terms();
    const mine = await signed(own);
    const wrong: Record<string, object> = {
      url: { ...mine, sts: { ...mine.sts, url: 'https://evil.example/' } },
      host: { ...mine, sts: { ...mine.sts, host: 'evil.example' } },
      headers: { ...mine, sts: { ...mine.sts, headers: { host: 'evil.example' } } },
      body: { ...mine, sts: { ...mine.sts, body: 'Action=AssumeRole' } },
      method: { ...mine, method: 'GET' },
      'a header in the token': { ...mine, sts: { ...mine.sts, sessionToken: `${'x'.repeat(20)}\r\nhost: evil` } },
      'a user': { ...mine, sts: { ...mine.sts, accessKeyId: 'AKIAEXAMPLEEXAMPLE01' } },
      'more in the signature': { ...mine, sts: { ...mine.sts, signature: `${mine.sts.signature}, x` } },
    };
    for (const [what, body] of Object.entries(wrong))
      expect([what, (await post('/connectors/join/iam', body)).status]).toEqual([what, 400]);
  });

  test('everybody, where the settings name no role', async () => {
    const { key } = await TestConnector.newKey();
    const refused = await post('/connectors/join/iam/nonce', { key });
    expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining('CONNECTOR_IAM_ROLES')]);
    expect((await join(await signed(await terms()), deps({ iamRoles: [] }))).ok).toBe(false);
    expect(sts.asked).toEqual([]);
  });

  test('a nonce that was used, also while its first use is under way', async () => {
    const mine = await signed(await terms('twice'));
    const both = await Promise.all([join(mine), join(mine)]);
    expect(both.filter(({ ok }) => ok)).toHaveLength(1);
    expect((await join(mine)).ok).toBe(false);
    expect(sts.asked).toHaveLength(1);
  });

  test('whoever asks too often, by address and all together', async () => {
    const from = async (address: string) => {
      const { privateKey: _, ...own } = await terms();
      return joinByIam(deps(), { ...(await signed(own)), name: 'often' }, address);
    };
    const answers = [];
    for (let at = 0; at < 11; at++) answers.push(await from('192.0.2.7'));
    expect(answers.at(-1)).toMatchObject({
      ok: false,
      error: { reason: 'rate_limited', message: expect.stringContaining('throttled') },
    });
    expect(sts.asked).toHaveLength(10);
  });
});

describe('what AWS does not vouch for', () => {
  const refusedAs = async (change: Signed) => {
    const { privateKey: _, ...own } = await terms();
    return reasonIn(await join(await signed(own, change)));
  };

  test.each<[string, Signed]>([
    ['another host', { url: 'https://sts.us-east-1.amazonaws.com/' }],
    ['the global host', { url: 'https://sts.amazonaws.com/' }],
    ['another path', { url: 'https://sts.eu-central-1.amazonaws.com/x' }],
    ['a GET', { method: 'GET', url: `https://sts.eu-central-1.amazonaws.com/?${STS_BODY}` }],
    [
      'a presigned address',
      { method: 'GET', url: `https://sts.eu-central-1.amazonaws.com/?${STS_BODY}`, signQuery: true },
    ],
    ['another action', { body: 'Action=AssumeRole&Version=2011-06-15' }],
    ['another edge', { edge: 'https://other.example.com' }],
    ['another nonce', { headers: { 'x-gatehouse-nonce': 'x'.repeat(40) } }],
    ['another key', { headers: { 'x-gatehouse-key': 'A'.repeat(43) } }],
    ['another name', { headers: { 'x-gatehouse-name': 'site-b' } }],
    ['a header more', { headers: { 'x-amz-target': 'x' } }],
    ['the secret of somebody else', { caller: { ...TASK, secretAccessKey: 'x' } }],
    ['nobody', { caller: { ...TASK, accessKeyId: 'ASIAEXAMPLEEXAMPLE99' } }],
  ])('a signature for %s', async (_, change) => {
    sts.callers.splice(1);
    expect(await refusedAs(change)).toBe('sts_refused');
  });

  test.each([
    ['another role', { arn: 'arn:aws:sts::123456789012:assumed-role/other/0a1b2c3d4e5f' }, 'role_not_allowed'],
    [
      'another account',
      { arn: 'arn:aws:sts::210987654321:assumed-role/gatehouse-connector/0a1b2c3d4e5f', account: '210987654321' },
      'role_not_allowed',
    ],
    ['another account in one place', { account: '210987654321' }, 'account_differs'],
    ['another session in one place', { userId: 'AROAEXAMPLEEXAMPLE01:other' }, 'account_differs'],
    [
      'a role with a path before it',
      { arn: 'arn:aws:sts::123456789012:assumed-role/x/gatehouse-connector/0a1b2c3d4e5f' },
      'no_assumed_role',
    ],
    [
      'a role whose name begins alike',
      { arn: 'arn:aws:sts::123456789012:assumed-role/gatehouse-connector-x/0a1b2c3d4e5f' },
      'role_not_allowed',
    ],
    [
      'a role in other letters',
      { arn: 'arn:aws:sts::123456789012:assumed-role/Gatehouse-Connector/0a1b2c3d4e5f' },
      'role_not_allowed',
    ],
    ['the role itself', { arn: 'arn:aws:iam::123456789012:role/gatehouse-connector' }, 'no_assumed_role'],
    ['a user of that name', { arn: 'arn:aws:iam::123456789012:user/gatehouse-connector' }, 'no_assumed_role'],
    ['the root', { arn: 'arn:aws:iam::123456789012:root' }, 'no_assumed_role'],
    ['a federated user', { arn: 'arn:aws:sts::123456789012:federated-user/gatehouse-connector' }, 'no_assumed_role'],
    [
      'another partition',
      { arn: 'arn:aws-cn:sts::123456789012:assumed-role/gatehouse-connector/0a1b2c3d4e5f' },
      'partition_differs',
    ],
  ])('an identity that is %s', async (_, change, reason) => {
    sts.callers.splice(0, 1, { ...TASK, ...change });
    expect(await refusedAs({})).toBe(reason);
  });

  test('a name that the role may not have', async () => {
    const only = deps({ iamRoles: [{ role: ROLE, name: 'site-b', site: undefined }] });
    expect((await join(await signed(await terms('site-a')), only)).ok).toBe(false);
    expect((await join(await signed(await terms('site-b')), only)).ok).toBe(true);
  });

  const right = identityXml(TASK);
  test.each([
    ['a comment', right.replace('<Arn>', '<Arn><!-- -->')],
    [
      'a second result',
      right.replace('</GetCallerIdentityResult>', '</GetCallerIdentityResult><GetCallerIdentityResult/>'),
    ],
    ['a second ARN', right.replace('<UserId>', `<Arn>${TASK.arn}</Arn><UserId>`)],
    ['an ARN in place of the account', right.replace(/<Account>.*<\/Account>/, `<Arn>${TASK.arn}</Arn>`)],
    ['an entity', right.replace('<GetCaller', '<!DOCTYPE x [<!ENTITY a "b">]><GetCaller')],
    ['a reference', right.replace('gatehouse-connector', 'gatehouse&#45;connector')],
    ['CDATA', right.replace(TASK.arn, `<![CDATA[${TASK.arn}]]>`)],
    ['an attribute', right.replace('<Arn>', '<Arn x="y">')],
    ['another namespace', right.replace('sts.amazonaws.com', 'evil.example')],
    ['an answer inside another', `<x>${right}</x>`],
    ['something behind it', `${right}<x/>`],
    ['JSON', JSON.stringify({ GetCallerIdentityResponse: {} })],
    ['nothing', ''],
    ['far too much', right + ' '.repeat(20_000)],
    ['what is no text', right.replace('0a1b', '\u{fffd}')],
  ])('an answer with %s', async (_, text) => {
    sts.answer = (answer) => new Response(text, answer);
    expect(await refusedAs({})).toBe(text.includes('\u{fffd}') ? 'no_assumed_role' : 'answer_unknown');
  });

  test('a redirect, to wherever', async () => {
    sts.answer = () => new Response(null, { status: 307, headers: { location: 'https://evil.example/' } });
    expect(await refusedAs({})).toBe('sts_redirected');
    expect(sts.asked).toHaveLength(1);
  });

  test('STS that is away or says that it is busy, which is worth another try', async () => {
    for (const answer of [
      () => new Response(null, { status: 503 }),
      () => new Response(null, { status: 429 }),
      () => Promise.reject(new Error('away')),
    ]) {
      sts.answer = answer;
      expect(await join(await signed(await terms()))).toMatchObject({ ok: false, error: { reason: 'unavailable' } });
    }
  });
});

test.each([
  'arn:aws:iam::123456789012:role/*',
  'arn:aws:iam::*:role/x',
  'arn:aws:iam::123456789012:role/path/x',
  'arn:aws:iam::12345678901:role/x',
  'arn:aws:sts::123456789012:assumed-role/x/y',
  'arn:aws:iam::123456789012:user/x',
  'arn:aws:iam::123456789012:role/x Site',
  'arn:aws:iam::123456789012:role/x a b',
  'arn:aws:iam::123456789012:role/x site=A',
  'arn:aws:iam::123456789012:role/x site=a site=b',
  'arn:aws:iam::123456789012:role/x a site=a, arn:aws:iam::123456789012:role/x a site=b',
  'x',
])('the setting %s is a mistake when it is written', (CONNECTOR_IAM_ROLES) => {
  expect(() => parseSettings({ ...env, CONNECTOR_IAM_ROLES })).toThrow(
    'CONNECTOR_IAM_ROLES: expected arn:aws:iam::ACCOUNT:role/NAME',
  );
});

const post = (path: string, body: object) =>
  SELF.fetch(`${EDGE}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'cf-connecting-ip': crypto.randomUUID() },
    body: JSON.stringify(body),
  });
