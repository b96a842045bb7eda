import { env } from 'cloudflare:workers';
import { runInDurableObject } from 'cloudflare:test';
import { beforeAll, describe, expect, test } from 'vitest';
import { ApiError } from '../../core/api.ts';
import { err, ok } from '../../core/result.ts';
import type { Directory } from '../objects/directory.ts';
import { remote } from '../objects/rpc.ts';
import { resource, TestConnector } from '../test/connector.ts';
import { type Caller, callerAs } from '../test/people.ts';
import type { UseCaseDeps } from '../use-cases/deps.ts';
import { policyInForce } from '../use-cases/standing.ts';

const ADMINISTRATORS = 'administrators: ["demo:administrators"]\n';
const rule = (text: string) => `${ADMINISTRATORS}rules:\n  - name: r\n    resources: { env: demo }\n${text}`;
const DENY = '    access: deny\n';

let bob: Caller;
beforeAll(async () => {
  bob = await callerAs('bob');
  await (await TestConnector.join('mistakes')).link([resource('typo-db')]);
});

describe('what only the edge can tell is refused when a policy is written', () => {
  const refused = async (text: string) => {
    const answer = await bob.send('PUT', '/policy', { text });
    return [answer.status, answer.status === 200 ? '' : ApiError.parse(await answer.json()).error.message];
  };

  test.each([
    ['a group that is none', rule(`    who: [contractros]\n${DENY}`), /^line 5, column 11: .*contractros is neither/],
    [
      'a provider that nobody signs in with',
      rule(`    who: ["google:eng"]\n${DENY}`),
      /^line 5, column 11: .*google:eng is a group of no provider .* demo: or scim:$/,
    ],
    [
      'longer than the archive locks',
      rule('    who: [everyone]\n    access: { ttl: 1h }\n    record: { retain: 3651d }\n'),
      /^line 7, column 15: rules\[0\]\.record\.retain: is longer than .* at most 3650d/,
    ],
  ])('%s', async (_what, text, message) => {
    expect(await refused(text)).toEqual([400, expect.stringMatching(message)]);
  });
});

test.each([
  ['longer than the archive locks', ok({ maxRetainDays: 30 }), /not valid/],
  ['while the archive does not answer', err('unavailable' as const), /archive does not answer/],
])('the first policy, from the settings, is held to the same: a retain %s', async (_what, limits, message) => {
  const firstPolicy = rule('    who: [everyone]\n    access: { ttl: 1h }\n    record: { retain: 31d }\n');
  const deps = {
    ...{ firstPolicy, providers: ['demo'], emailDomains: [], policies: { current: async () => undefined } },
    archive: { limits: async () => limits },
  } as unknown as UseCaseDeps;
  expect(await policyInForce(deps)).toMatchObject({
    ok: false,
    error: { reason: 'unavailable', message: expect.stringMatching(message) },
  });
});

test('labels that no resource has and groups that nobody has are warned of', async () => {
  const text = rule(`    who: ["demo:administrator", "demo:dba"]\n${DENY}`).replace('env: demo', 'env: dmo');
  const applied = await bob.send('PUT', '/policy', { text });
  const policy = await applied.json<{ mistakes: string[]; warnings: string[] }>();
  expect(policy.mistakes).toEqual([]);
  expect(policy.warnings).toEqual([
    'line 4, column 18: rules[0].resources.env: no connector announces a resource with env: dmo',
    'line 5, column 11: rules[0].who[0]: nobody who signed in within 30 days is in demo:administrator; did you mean demo:administrators?',
  ]);
});

test('one that an earlier release took stays in force, and is told', async () => {
  const text = rule(`    who: [contractros]\n    access: { ttl: 1h }\n`);
  await runInDurableObject(env.DIRECTORY.get(env.DIRECTORY.idFromName('only')), (directory: Directory) => {
    const { version } = directory.policy() ?? { version: 0 };
    directory.applyPolicy(text, 'bob@example.com', version);
  });
  expect((await remote(env.DIRECTORY).policy())?.document.rules[0]?.who).toEqual(['contractros']);
  const shown = await (await bob.get('/policy')).json<{ text: string; mistakes: string[] }>();
  expect(shown.text).toBe(text);
  expect(shown.mistakes).toEqual([
    expect.stringMatching(/^line 5, column 11: rules\[0\]\.who\[0\]: contractros is neither/),
  ]);
  expect((await bob.send('PUT', '/policy', { text: `${text}\n` })).status).toBe(400);
});
