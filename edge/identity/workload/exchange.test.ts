// Programs' tokens for grants, by the API: what each provider's job is called, and what is refused.

import { SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import type { JWK } from 'jose';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { ApiError, IssuedGrant } from '../../../core/api.ts';
import { isAmong } from '../../../core/policy/evaluate.ts';
import { Resource } from '../../../core/resource.ts';
import { remote } from '../../objects/rpc.ts';
import { EDGE } from '../../test/browser.ts';
import { resource, TestConnector, type TestLink } from '../../test/connector.ts';
import { audit, newest } from '../../test/grants.ts';
import { type Caller, callerAs } from '../../test/people.ts';
import { altered, askIssuer, BUILDKITE, GCP, GITHUB, GITLAB, issuerAt, mint } from '../../test/workload-tokens.ts';

const MAIN = 'workload:github:acme/shop:ref:refs/heads/main';
const RULES = `administrators: ["demo:administrators"]
auditors: ["demo:auditors"]
rules:
  - name: no-vault
    resources: { name: vault }
    who: [everyone]
    access: deny
  - name: ci
    resources: { env: demo }
    who:
      - ${MAIN}
      - workload:github:acme/shop:ref:refs/tags/v*
      - workload:github:acme/shop:environment:production
      - workload:github:acme/pinned:ref:refs/heads/none
      - workload:github:acme@1234/other@99:ref:refs/heads/main
      - workload:gitlab:acme/web/shop:ref:refs/heads/main
      - workload:buildkite:acme/shop:ref:refs/heads/main
      - workload:gcp:deploy@acme.iam.gserviceaccount.com
      - workload:k8s:system:serviceaccount:shop:deploy
      - workload:rotating:one
      - workload:flooded:one
    access: { ttl: 15m }
  - name: ci-vault
    resources: { name: vault }
    who: ["${MAIN}"]
    access: { ttl: 15m }
  - name: migrations
    resources: { env: migrations }
    who: ["workload:github:acme/shop:workflow:acme/ci/.github/workflows/Migrate.yml@refs/tags/v2"]
    access: { ttl: 10m, reason: required }
    task: required
  - name: people
    resources: { env: people }
    who: [everyone]
    access: { ttl: 1h }
`;
let bob: Caller;
let link: TestLink;

beforeAll(async () => {
  bob = await callerAs('bob');
  await bob.get('/resources');
  const applied = await bob.send('PUT', '/policy', { text: RULES });
  if (applied.status !== 200) throw new Error(await applied.text());
  const connector = await TestConnector.join('databases');
  link = await connector.open();
  const resources = [
    resource('orders'),
    resource('vault'),
    resource('schema', { env: 'migrations' }),
    resource('staff', { env: 'people' }),
  ].map((one) => Resource.parse(one));
  link.send({ kind: 'hello', connector: connector.id, build: 'tests', resources, live: [], understands: [] });
  await link.next('welcome');
});

const exchange = (token: string, more: object = {}, headers: Record<string, string> = {}) =>
  SELF.fetch(`${EDGE}/api/v1/grants/exchange`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ subject_token: token, resource: 'orders', ...more }),
  });
const refusal = async (response: Promise<Response> | Response) => {
  const { status, ...answer } = await response;
  void answer;
  const { error } = await (await response).json<ApiError>();
  return [status, error.reason, error.message] as const;
};
const stored = async (response: Promise<Response>) => {
  const answer = await response;
  if (answer.status !== 200) throw new Error(await answer.text());
  const { grant } = await answer.json<IssuedGrant>();
  const found = await remote(env.GRANTS).find(grant.id);
  if (!found) throw new Error('no grant is stored');
  return found;
};
/** Of the sentences that answer. */
const SAID = {
  token_malformed: 'is no signed token',
  issuer_unknown: 'No issuer is set',
  issuer_unreachable: 'cannot be fetched right now',
  algorithm_not_allowed: 'are not signed in this way',
  signature_wrong: 'is not signed with a key of',
  audience_wrong: 'is for another audience',
  token_expired: 'has expired',
  token_not_yet_valid: 'is not valid yet',
  lifetime_too_long: 'lasts longer than a day',
  claim_not_allowed: 'is not of those that are let in',
  claims_unreadable: 'lacks claims',
} as const;

describe('a token becomes a grant', () => {
  test('of GitHub Actions: the session, the audit log and the lists show which job it was', async () => {
    const { grant, identity } = await stored(exchange(await mint('github', GITHUB)));
    const email = expect.stringMatching(/^acme-shop-refs-heads-main\.[0-9a-f]{16}@github\.workload\.invalid$/);
    expect(identity).toEqual({
      subject: `${issuerAt('github')}#repo:Acme/Shop:ref:refs/heads/main`,
      email,
      groups: [
        MAIN,
        'workload:github:acme/shop:workflow:acme/ci/.github/workflows/Migrate.yml@refs/tags/v2',
        'workload:github:acme@1234/shop@5678:ref:refs/heads/main',
        'workload:github:acme@1234/shop@5678:workflow:acme/ci/.github/workflows/Migrate.yml@refs/tags/v2',
      ],
      provider: 'github',
      name: 'acme/shop refs/heads/main',
    });
    const run = 'https://github.com/acme/shop/actions/runs/987654';
    expect(grant).toMatchObject({ rule: 'ci', labels: { trace: run } });
    expect(Date.parse(grant.until) - Date.parse(grant.from)).toBe(15 * 60_000);
    expect(await newest('request.made')).toMatchObject({
      actor: email,
      object: 'orders',
      details: { workload: MAIN, provider: 'github', subject: identity.subject, run },
    });
    expect(await newest('grant.issued')).toMatchObject({ actor: email, object: grant.id });
    const { grants } = await (await bob.get('/grants')).json<{ grants: object[] }>();
    expect(grants).toContainEqual(expect.objectContaining({ id: grant.id, email, labels: { trace: run } }));
  });

  test.each<[string, string, object, string, string | undefined]>([
    ['GitLab CI', 'gitlab', GITLAB, 'workload:gitlab:acme/web/shop:ref:refs/heads/main', '/acme/web/shop/-/jobs/302'],
    ['Buildkite', 'buildkite', BUILDKITE, 'workload:buildkite:acme/shop:ref:refs/heads/main', '/acme/shop/builds/175'],
    ['Google Cloud', 'gcp', GCP, 'workload:gcp:deploy@acme.iam.gserviceaccount.com', undefined],
    [
      'any other issuer',
      'k8s',
      { sub: 'system:serviceaccount:shop:deploy', cluster: 'prod' },
      'workload:k8s:system:serviceaccount:shop:deploy',
      undefined,
    ],
  ])('of %s', async (_name, issuer, claims, name, run) => {
    const { grant, identity } = await stored(exchange(await mint(issuer, { ...claims })));
    expect(identity).toMatchObject({ provider: issuer, groups: expect.arrayContaining([name]) });
    expect(grant.labels.trace).toEqual(run === undefined ? undefined : expect.stringContaining(run));
  });

  test('a task and a reason are asked for where the rule asks, and a job is told what it is called', async () => {
    const asked = async (more: object) => exchange(await mint('github', GITHUB), { resource: 'schema', ...more });
    const [status, reason, message] = await refusal(asked({ reason: 'migrate' }));
    expect([status, reason]).toEqual([403, 'denied']);
    expect(message).toContain('Rule migrations asks for a task.');
    expect(message).toContain(MAIN);
    expect(await stored(asked({ reason: 'migrate', task: 'OPS-7' }))).toMatchObject({
      grant: { labels: { task: 'OPS-7' } },
    });
  });

  test('patterns: every tag that begins so, and nothing else', async () => {
    const tag = { ...GITHUB, ref_type: 'tag', ref: 'refs/tags/v1.2' };
    expect((await stored(exchange(await mint('github', tag)))).identity.name).toBe('acme/shop refs/tags/v1.2');
    const other = { ...tag, ref: 'refs/heads/v1.2', job_workflow_ref: undefined };
    expect(await refusal(exchange(await mint('github', other)))).toEqual([403, 'denied', expect.any(String)]);
  });
});

describe('its sessions', () => {
  test('are those of its run, under the policy as it is when they open, and end with its grant', async () => {
    const { grant, identity } = await stored(exchange(await mint('github', GITHUB)));
    expect((await link.lookUp(grant.email, 'orders')).candidates.map(({ id }) => id)).toContain(grant.id);
    const opened = await link.openSession(grant.id);
    expect(opened).toMatchObject({
      kind: 'session.admitted',
      opened: { identity, grant: { id: grant.id, labels: grant.labels } },
    });
    expect(await newest('session.opened')).toMatchObject({ actor: grant.email });
    // Somebody may have everyone in, and not whoever gets a token somewhere.
    const changed = RULES.replace(/who:\n( {6}- .*\n)+/, 'who: [everyone]\n');
    expect((await bob.send('PUT', '/policy', { text: changed })).status).toBe(200);
    expect(await link.openSession(grant.id)).toMatchObject({ kind: 'session.refused', reason: 'policy_denied' });
    expect((await bob.send('PUT', '/policy', { text: RULES })).status).toBe(200);
    expect((await link.openSession(grant.id)).kind).toBe('session.admitted');
    expect((await bob.send('POST', `/grants/${grant.id}/revoke`, { reason: 'the job went wrong' })).status).toBe(200);
    expect(await link.openSession(grant.id)).toMatchObject({ kind: 'session.refused', reason: 'grant_revoked' });
  });
});

describe('tokens that are refused', () => {
  test('a second time, at once or later, for whatever resource', async () => {
    const token = await mint('github', GITHUB);
    const answers = await Promise.all([exchange(token), exchange(token), exchange(token, { resource: 'vault' })]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    expect((await refusal(exchange(token))).slice(1)).toEqual(['conflict', expect.stringContaining('used before')]);
    expect(await newest('exchange.refused')).toMatchObject({
      actor: 'gatehouse',
      object: 'github',
      details: { reason: 'token_replayed', address: 'local' },
    });
    const without = await mint('buildkite', { ...BUILDKITE, jti: undefined });
    expect((await exchange(without)).status).toBe(200);
    expect((await exchange(without)).status).toBe(409);
    expect((await exchange(altered(without, {}).replace(/.$/, 'A'))).status).not.toBe(200);
  });

  const rejected: [string, () => Promise<string>, keyof typeof SAID, number?][] = [
    [
      'signed by another key',
      async () => mint('github', GITHUB, { key: await askIssuer<JWK>('k8s', 'private') }),
      'signature_wrong',
    ],
    [
      'without a signature (none)',
      async () => altered(await mint('github', GITHUB), { header: { alg: 'none' } }),
      'algorithm_not_allowed',
    ],
    [
      "with the public key as an HMAC's secret",
      async () =>
        mint('github', GITHUB, { alg: 'HS256', secret: JSON.stringify(await askIssuer<JWK>('github', 'public')) }),
      'algorithm_not_allowed',
    ],
    [
      'of an algorithm that the provider does not use',
      () => mint('github', GITHUB, { alg: 'PS256' }),
      'algorithm_not_allowed',
    ],
    [
      'with other claims under its signature',
      async () =>
        altered(await mint('github', { ...GITHUB, ref: 'refs/heads/x' }), { claims: { ref: 'refs/heads/main' } }),
      'signature_wrong',
    ],
    ['for another audience', () => mint('github', { ...GITHUB, aud: 'https://github.com/acme' }), 'audience_wrong'],
    [
      'for others too',
      () => mint('github', { ...GITHUB, aud: ['http://localhost:8787', 'https://other'] }),
      'audience_wrong',
    ],
    ['for nobody', () => mint('github', { ...GITHUB, aud: undefined }), 'audience_wrong'],
    [
      'for an audience that begins alike',
      () => mint('github', { ...GITHUB, aud: 'http://localhost:8787/' }),
      'audience_wrong',
    ],
    ['that has expired', () => mint('github', { ...GITHUB, exp: Math.floor(Date.now() / 1000) - 31 }), 'token_expired'],
    ['that never expires', () => mint('github', { ...GITHUB, exp: undefined }), 'claims_unreadable'],
    [
      'that is of tomorrow',
      () => mint('github', { ...GITHUB, nbf: Math.floor(Date.now() / 1000) + 60 }),
      'token_not_yet_valid',
    ],
    [
      'made in the future',
      () => mint('github', { ...GITHUB, iat: Math.floor(Date.now() / 1000) + 60 }),
      'token_not_yet_valid',
    ],
    [
      'that lasts for days',
      () => mint('github', { ...GITHUB, exp: Math.floor(Date.now() / 1000) + 90_000 }),
      'lifetime_too_long',
    ],
    [
      'of an issuer that nobody set',
      () => mint('github', { ...GITHUB, iss: 'https://token.actions.githubusercontent.com' }),
      'issuer_unknown',
    ],
    [
      "of another provider, with this one's name in it",
      () => mint('k8s', { ...GITHUB, iss: issuerAt('github') }),
      'signature_wrong',
    ],
    ['that is an access token', () => mint('github', GITHUB, { header: { typ: 'at+jwt' } }), 'token_malformed', 400],
    [
      'with what must be understood and is not',
      () => mint('github', GITHUB).then((token) => altered(token, { header: { crit: ['b64'], b64: false } })),
      'signature_wrong',
    ],
    ['longer than any', async () => `${await mint('github', GITHUB)}${'A'.repeat(12_000)}.`, 'token_malformed', 400],
    ['of no form', async () => 'not.a.token', 'token_malformed', 400],
    [
      'without the claim that its issuer must have',
      () => mint('k8s', { sub: 'system:serviceaccount:shop:deploy' }),
      'claim_not_allowed',
    ],
    [
      'with another value of it',
      () => mint('k8s', { sub: 'system:serviceaccount:shop:deploy', cluster: 'dev' }),
      'claim_not_allowed',
    ],
    ['of an issuer that is away', () => mint('away', { sub: 'one' }), 'issuer_unreachable', 503],
    ['of an issuer that sends elsewhere for its keys', () => mint('moved', { sub: 'one' }), 'issuer_unreachable', 503],
    ['of an issuer whose document is of another', () => mint('other', { sub: 'one' }), 'issuer_unreachable', 503],
    ['of an issuer whose keys come in the clear', () => mint('plain', { sub: 'one' }), 'issuer_unreachable', 503],
    ['of an issuer whose keys have no end', () => mint('huge', { sub: 'one' }), 'issuer_unreachable', 503],
  ];
  test.each(rejected)('%s', async (_name, token, reason, status = 403) => {
    const answer = await refusal(exchange(await token()));
    expect([answer[0], answer[2]]).toEqual([status, expect.stringContaining(SAID[reason])]);
  });

  test('too many from one address, before any key is fetched', async () => {
    const token = await mint('untouched', { sub: 'one' });
    // What leaks from the bucket in the meantime would let one in.
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const address = '192.0.2.77';
      const directory = remote(env.DIRECTORY);
      const tries = await Promise.all(Array.from({ length: 241 }, () => directory.allow('exchange', address)));
      expect(tries.filter((allowed) => !allowed)).toHaveLength(1);
      expect((await exchange(token, {}, { 'cf-connecting-ip': address })).status).toBe(429);
      expect(await askIssuer<number>('untouched', 'fetches')).toBe(0);
      expect((await exchange(await mint('github', GITHUB))).status).toBe(200);
    } finally {
      vi.useRealTimers();
    }
  });

  test('with key ids that there are not: the keys are fetched no more often for it, and good tokens go on', async () => {
    expect((await exchange(await mint('flooded', { sub: 'one' }))).status).toBe(200);
    const fetched = await askIssuer<number>('flooded', 'fetches');
    for (let n = 0; n < 30; n++) {
      const made = await mint('flooded', { sub: 'one' }, { header: { kid: `made-up-${n}` } });
      expect((await exchange(made)).status).toBe(403);
    }
    expect(await askIssuer<number>('flooded', 'fetches')).toBe(fetched);
    expect((await exchange(await mint('flooded', { sub: 'one' }))).status).toBe(200);
  });

  test('of a key that the issuer has changed since: the new one is fetched in seconds, the old one is forgotten', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      expect((await exchange(await mint('rotating', { sub: 'one' }))).status).toBe(200);
      const old = await askIssuer<JWK>('rotating', 'private');
      await askIssuer('rotating', 'rotate');
      vi.setSystemTime(Date.now() + 11_000);
      expect((await exchange(await mint('rotating', { sub: 'one' }))).status).toBe(200);
      const forged = await mint('rotating', { sub: 'one' }, { key: old, header: { kid: old.kid } });
      expect((await exchange(forged)).status).toBe(403);
      // Taken back without another key being asked for.
      const last = await askIssuer<JWK>('rotating', 'private');
      await askIssuer('rotating', 'rotate');
      const late = async () =>
        exchange(await mint('rotating', { sub: 'one' }, { key: last, header: { kid: last.kid } }));
      expect((await late()).status).toBe(200);
      vi.setSystemTime(Date.now() + 5 * 60_000);
      expect((await late()).status).toBe(403);
    } finally {
      vi.useRealTimers();
    }
  });

  test('none of it fills the audit log: what strangers send is counted', async () => {
    const before = (await audit.list({ limit: 1 })).entries[0]?.sequence ?? 0;
    for (let n = 0; n < 40; n++) await exchange('x.y.z');
    const after = (await audit.list({ limit: 1 })).entries[0]?.sequence ?? 0;
    expect(after - before).toBeLessThanOrEqual(1);
  });
});

describe('jobs that are not what a rule names', () => {
  const none = { job_workflow_ref: undefined };
  test.each<[string, string, object]>([
    [
      'a pull request',
      'github',
      { event_name: 'pull_request', ref: 'refs/pull/7/merge', sub: 'repo:Acme/Shop:pull_request' },
    ],
    ['a pull request from a fork, which runs on the main branch', 'github', { event_name: 'pull_request_target' }],
    ['a comment by anybody, which runs on the main branch', 'github', { event_name: 'issue_comment' }],
    ["what follows a stranger's run, on the main branch", 'github', { event_name: 'workflow_run' }],
    ['an event that is not known', 'github', { event_name: 'brand_new' }],
    [
      'a pull request for an environment that a rule names',
      'github',
      { event_name: 'pull_request_target', environment: 'production' },
    ],
    [
      'another repository whose subject says this one',
      'github',
      { repository: 'Mallory/Shop', sub: 'repo:Acme/Shop:ref:refs/heads/main' },
    ],
    ['a branch that is called like a name', 'github', { ...none, ref: 'refs/heads/x:ref:refs/heads/main' }],
    [
      'an environment that is called like a branch',
      'github',
      { ...none, ref: 'refs/heads/x', environment: 'x:ref:refs/heads/main' },
    ],
    ['a branch that begins with the name', 'github', { ...none, ref: 'refs/heads/main2' }],
    ['a branch in other letters', 'github', { ...none, ref: 'refs/heads/Main' }],
    [
      'a repository that took the name of the one meant',
      'github',
      { ...none, repository: 'Acme/Other', repository_id: '100' },
    ],
    ["a merge request of a fork's branch of the same name", 'gitlab', { pipeline_source: 'merge_request_event' }],
    ["the child of a merge request's pipeline", 'gitlab', { pipeline_source: 'parent_pipeline' }],
    ['a tag that is called like the branch', 'gitlab', { ref_type: 'tag', ref_path: 'refs/tags/main' }],
    ['a project of another group', 'gitlab', { project_path: 'acme/web/fork/shop' }],
    ["a fork's branch of another pipeline", 'buildkite', { pipeline_slug: 'shop-pr' }],
    ['another service account', 'gcp', { email: 'deploy@evil.iam.gserviceaccount.com' }],
  ])('%s', async (_name, issuer, change) => {
    const claims = { github: GITHUB, gitlab: GITLAB, buildkite: BUILDKITE, gcp: GCP }[issuer];
    const answer = await refusal(exchange(await mint(issuer, { ...claims, ...change })));
    expect(answer.slice(0, 2)).toEqual([403, 'denied']);
    expect(answer[2]).toContain('In a policy it is called workload:');
  });

  test.each<[string, string, object]>([
    ['a person of Google', 'gcp', { email: 'mallory@gmail.com' }],
    ['an address that Google has not verified', 'gcp', { email_verified: false }],
    ['a repository with a colon', 'github', { repository: 'acme/shop:ref:refs/heads/main' }],
    ['a star in a name', 'github', { environment: '*' }],
    ['a character that nobody sees', 'github', { environment: 'prod\u200b' }],
    ['a claim that is a list', 'github', { ref: ['refs/heads/main'] }],
    ['no id of the repository', 'github', { repository_id: undefined }],
    ['a name longer than a policy has', 'github', { ref: `refs/heads/${'x'.repeat(300)}` }],
  ])('%s has no name at all', async (_name, issuer, change) => {
    const claims = issuer === 'gcp' ? GCP : GITHUB;
    const answer = await refusal(exchange(await mint(issuer, { ...claims, ...change })));
    expect([answer[0], answer[2]]).toEqual([403, expect.stringContaining(SAID.claims_unreadable)]);
  });

  test('with its ids a repository is that one', async () => {
    const other = { ...GITHUB, repository: 'Acme/Other', repository_id: '99', job_workflow_ref: undefined };
    expect((await exchange(await mint('github', other))).status).toBe(200);
  });
});

describe('a program is nobody who signs in', () => {
  test('everyone is not for it, but a deny for everyone is', async () => {
    const [, reason, message] = await refusal(exchange(await mint('github', GITHUB), { resource: 'staff' }));
    expect([reason, message]).toEqual(['denied', expect.stringContaining('No rule gives you access to staff.')]);
    const vault = await refusal(exchange(await mint('github', GITHUB), { resource: 'vault' }));
    expect(vault[2]).toContain('Rule no-vault denies access to vault.');
  });

  test('its address is not in everyone, in no group, and in no user: of a policy', () => {
    const program = { email: 'x@github.workload.invalid', groups: [MAIN] };
    const names = ['everyone', 'dba', 'user:x@github.workload.invalid', 'demo:administrators'];
    expect(isAmong({ groups: { dba: [MAIN] } }, names, program)).toBe(false);
    expect(isAmong({ groups: {} }, [MAIN], { email: 'mallory@example.com', groups: ['demo:dba'] })).toBe(false);
  });

  test.each<[string, string, string]>([
    [
      'an administrator',
      'administrators: ["demo:administrators"]',
      `administrators: ["demo:administrators", "${MAIN}"]`,
    ],
    ['an auditor', 'auditors: ["demo:auditors"]', `auditors: ["${MAIN}"]`],
    ['an approver', 'access: { ttl: 1h }', `access: { ttl: 1h, approval: { from: ["${MAIN}"] } }`],
    [
      'who waits for an approval',
      'access: { ttl: 10m, reason: required }',
      'access: { ttl: 10m, approval: { from: ["demo:dba"] } }',
    ],
    [
      'a person',
      'who: [everyone]\n    access: { ttl: 1h }',
      'who: ["user:x@github.workload.invalid"]\n    access: { ttl: 1h }',
    ],
    ['a pattern of repositories', MAIN, 'workload:github:acme/*:ref:refs/heads/main'],
    ['a repository without a branch', MAIN, 'workload:github:acme/shop'],
    ['a repository in capitals', MAIN, 'workload:github:Acme/Shop:ref:refs/heads/main'],
    ['of a provider that is not set', MAIN, 'workload:circle:acme/shop:ref:refs/heads/main'],
  ])('it is no policy that has it as %s', async (_name, from, to) => {
    expect(RULES).toContain(from);
    expect((await bob.send('PUT', '/policy', { text: RULES.replace(from, to) })).status).toBe(400);
  });

  test('its grant is no API token, and a label of its run is not its own to choose', async () => {
    const issued = await (await exchange(await mint('github', GITHUB))).json<IssuedGrant>();
    const me = await SELF.fetch(`${EDGE}/api/v1/me`, { headers: { authorization: `Bearer ${issued.grant.secret}` } });
    expect(me.status).toBe(401);
    const chosen = await refusal(exchange(await mint('github', GITHUB), { trace: 'https://evil.example' }));
    expect(chosen.slice(0, 2)).toEqual([400, 'bad_request']);
    const breaking = await refusal(exchange(await mint('github', GITHUB), { breakGlass: true }));
    expect(breaking.slice(0, 2)).toEqual([400, 'bad_request']);
  });

  test('who is in no rule learns nothing of what there is, and leaves no token behind', async () => {
    const stranger = {
      ...GITHUB,
      repository: 'mallory/x',
      repository_id: '1',
      repository_owner_id: '2',
      job_workflow_ref: undefined,
    };
    const token = await mint('github', stranger);
    const [known, unknown] = [await refusal(exchange(token)), await refusal(exchange(token, { resource: 'nothing' }))];
    expect(known).toEqual(unknown);
    expect(known[2]).toContain('No rule names this program.');
  });
});
