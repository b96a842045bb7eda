import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import { RequestId } from '../../../core/ids.ts';
import { readPolicy } from '../../../core/policy/parse.ts';
import type { SessionOpened } from '../../../core/recording/facts/session.ts';
import type { Manifest } from '../../../core/recording/manifest.ts';
import type { StoredSession } from '../../../core/session-evidence.ts';
import { remote } from '../../objects/rpc.ts';
import { person } from '../../test/people.ts';
import { SESSIONS } from '../../test/sessions.ts';
import type { Standing } from '../standing.ts';
import { asSeenUnder, ownerBySignature, viewRight } from './viewing.ts';

// Sessions of an earlier release: the edge knows their connector, their manifest, and the policies of then.

const policyOf = (rules: string) => `administrators: ["user:bob@example.com"]\nrules:\n${rules}`;
const rule = (name: string, viewOwn: boolean) =>
  `  - { name: ${name}, resources: { env: demo }, who: [everyone], access: { ttl: 1h }, record: { viewOwn: ${viewOwn} } }\n`;

const directory = remote(env.DIRECTORY, 'of earlier releases');
let standing: Standing;
beforeAll(async () => {
  await directory.applyPolicy(policyOf(rule('open', true) + rule('closed', false)), 'bob@example.com', 0);
  const now = policyOf(rule('renamed', true));
  await directory.applyPolicy(now, 'bob@example.com', 1);
  const read = readPolicy(now);
  if (!read.ok) throw new Error('the policy of the test is not one');
  standing = { policy: read.value.document, version: 2, boundWhenGone: [], administrator: false, auditor: false };
});

const entry = SESSIONS.ofAlice;
const DIGEST = 'ab'.repeat(32);

function recordedUnder(ruleName: string, policyVersion = 1): StoredSession {
  const opened: SessionOpened = {
    kind: 'session.opened',
    session: entry.id,
    connector: { id: entry.connector, name: 'tests', build: 'tests' },
    identity: person('alice'),
    grant: {
      id: entry.grant,
      request: RequestId.parse('req_00000000000000000000000001'),
      reason: entry.reason,
      labels: {},
      until: entry.startedAt,
      rule: ruleName,
      policyVersion,
      obligations: { record: { retainDays: 30 } },
    },
    resource: entry.resource,
    protocol: entry.protocol,
    startedAt: entry.startedAt,
    client: entry.client,
    details: {},
  };
  const content = { connector: { ...opened.connector, key: 'k' }, opened } as Manifest;
  return { manifest: { content, digest: DIGEST, signed: true }, segments: [] };
}

test.each([
  ['that let people view their own', recordedUnder('open'), DIGEST, true],
  ['that hid it from them', recordedUnder('closed'), DIGEST, false],
  ['that the policy of then does not have', recordedUnder('open', 2), DIGEST, false],
  ['that let them, by a manifest that is not the witnessed one', recordedUnder('open'), 'cd'.repeat(32), false],
])('under a rule that is gone, %s', async (_which, stored, manifest, visible) => {
  const owner = await ownerBySignature({ directory }, standing, stored, {
    connector: entry.connector,
    admittedAt: entry.startedAt,
    manifest,
  });
  expect(viewRight(standing, person('alice'), owner).kind === 'now').toBe(visible);
  expect(viewRight(standing, person('mallory'), owner).kind).toBe('none');
});

test('that a rule is gone is what the policy in force says, never the catalogue', () => {
  const row = { ...entry, rule: 'renamed' };
  expect(asSeenUnder(standing, { ...row, ruleGone: true })).toEqual(row);
  expect(asSeenUnder(standing, { ...row, rule: 'open' })).toEqual({ ...row, rule: 'open', ruleGone: true });
});
