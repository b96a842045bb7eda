import { encode } from 'zod';
import { describe, expect, test } from 'vitest';
import { FromEdge, MAX_CONTROL_MESSAGE_BYTES } from '../control.ts';
import { newId } from '../ids.ts';
import { ResourceName } from '../resource.ts';
import { PolicyDocument } from './document.ts';
import { describeMistake, parsePolicy } from './parse.ts';
import { MAX_SESSION_RULES_BYTES, ruleFor, type SessionFacts, sessionRules } from './rules-in-force.ts';
import { SessionRules } from './session-rules.ts';

const NOW = Date.parse('2026-11-20T10:00:00.000Z');
const policyOf = (...rules: object[]) =>
  PolicyDocument.parse({
    groups: { dba: ['okta:dba'] },
    administrators: ['okta:admins'],
    rules: rules.map((rule, index) => ({
      name: `r${index}`,
      resources: {},
      who: ['dba'],
      access: { ttl: '1h' },
      ...rule,
    })),
  });
const facts = (changes: Partial<SessionFacts> = {}): SessionFacts => ({
  identity: { email: 'alice@example.com', groups: ['okta:dba'] },
  resource: { name: ResourceName.parse('orders'), protocol: 'postgres', labels: { env: 'prod' } },
  grantRule: 'own',
  clientAddress: '10.20.3.4',
  ...changes,
});
const standing = (policy: PolicyDocument, given = facts(), now = NOW): string => {
  const under = sessionRules(policy, 7, now)(given);
  return under.ok ? `under ${under.value.rules.rule}` : `${under.error.reason} ${under.error.rule ?? ''}`.trim();
};

describe('a session stands under', () => {
  const own = { name: 'own' };
  const deny = { name: 'no', access: 'deny' };
  test.each<[string, PolicyDocument, string]>([
    ["its grant's rule", policyOf({}, own), 'under own'],
    [
      "its grant's rule, which asks for an approval by now",
      policyOf({ ...own, access: { ttl: '1h', approval: { from: ['dba'] } } }),
      'under own',
    ],
    ['the first other one, when that is gone', policyOf({}, {}), 'under r0'],
    ['the first other one, when that is about other people', policyOf({ ...own, who: ['okta:else'] }, {}), 'under r1'],
    [
      'the first other one, when that is about other resources',
      policyOf({ ...own, resources: { env: 'dev' } }, {}),
      'under r1',
    ],
    [
      'none, when that other one asks for an approval that nobody gave',
      policyOf({ access: { ttl: '1h', approval: { from: ['dba'] } } }, {}),
      'policy_denied',
    ],
    ['none, when nothing gives access', policyOf({ who: ['okta:else'] }), 'policy_denied'],
    ['none, when its own denies by now', policyOf({ ...own, access: 'deny' }, {}), 'policy_denied'],
    ['none, when a deny stands before', policyOf(deny, own), 'policy_denied'],
    ['its own, when a deny stands behind', policyOf(own, deny), 'under own'],
    ['the one before a deny, when its own stands behind', policyOf({}, deny, own), 'under r0'],
    ['none of an empty policy', policyOf(), 'policy_denied'],
  ])('%s', (_name, policy, expected) => {
    expect(standing(policy)).toBe(expected);
    expect(ruleFor(policy, facts())?.name).toBe(expected.startsWith('under') ? expected.slice(6) : undefined);
  });

  test('the rule of the person as stored with the grant', () => {
    const policy = policyOf({ who: ['user:bob@example.com'] }, own);
    expect(standing(policy, facts({ identity: { email: 'bob@example.com', groups: [] } }))).toBe('under r0');
    expect(standing(policy, facts({ identity: { email: 'eve@example.com', groups: [] } }))).toBe('policy_denied');
  });
});

describe('networks and windows', () => {
  const during = [{ days: ['mon-fri'], from: '08:00', to: '18:00', zone: 'Europe/Berlin' }];
  const guarded = policyOf({ name: 'own', access: { ttl: '1h', networks: ['10.20.0.0/16', '2001:db8::/32'], during } });
  test.each<[string, Partial<SessionFacts>, string, string]>([
    ['from within, in time', {}, '2026-11-20T10:00:00Z', 'under own'],
    ['from within by IPv6', { clientAddress: '2001:db8::7' }, '2026-11-20T10:00:00Z', 'under own'],
    ['from elsewhere', { clientAddress: '10.21.3.4' }, '2026-11-20T10:00:00Z', 'network_not_allowed own'],
    ['from no address', { clientAddress: '' }, '2026-11-20T10:00:00Z', 'network_not_allowed own'],
    ['too late', {}, '2026-11-20T17:00:00Z', 'outside_time_window own'],
  ])('%s', (_name, changes, now, expected) => {
    expect(standing(guarded, facts(changes), Date.parse(now))).toBe(expected);
  });

  test('a refusal says what to do', () => {
    const messageOf = (changes: Partial<SessionFacts>, now: string) => {
      const under = sessionRules(guarded, 7, Date.parse(now))(facts(changes));
      return under.ok ? '' : under.error.message;
    };
    expect(messageOf({ clientAddress: '192.0.2.1' }, '2026-11-20T10:00:00Z')).toBe(
      'Rule own does not let you in from 192.0.2.1. Connect from one of its networks.',
    );
    expect(messageOf({}, '2026-11-21T10:00:00Z')).toBe(
      'Rule own gives no access at this time. It opens on Monday 2026-11-23 08:00 (Europe/Berlin).',
    );
  });

  test('the end of the window is the end of the session; one that is open already ends at once', () => {
    const inTime = sessionRules(guarded, 7, NOW)(facts());
    expect(inTime.ok && inTime.value.rules.limits.endsAt).toBe('2026-11-20T17:00:00.000Z');
    const late = sessionRules(guarded, 7, Date.parse('2026-11-20T18:30:00.000Z'))(facts());
    expect(!late.ok && late.error.ending?.limits.endsAt).toBe('2026-11-20T18:30:00.000Z');
  });
});

test('everything of the rule goes to the session, and over the wire and back', () => {
  const policy = policyOf({
    name: 'own',
    access: { ttl: '8h', idle: '15m', sessionLength: '2h', statementsPerMinute: 600, rowsOut: 100_000 },
    statements: [{ block: ['drop'] }, { hold: ['grant'], approval: { from: ['dba'], within: '5m' } }],
    unparsable: 'hold',
    interactiveShell: 'allow',
    mask: [{ columns: ['*.email'], with: 'partial' }],
    record: { files: 'digests' },
  });
  const under = sessionRules(policy, 7, NOW)(facts());
  if (!under.ok) throw new Error('no rule');
  const { rules } = under.value;
  expect(rules).toEqual({
    policyVersion: 7,
    rule: 'own',
    statements: [{ block: ['drop'] }, { hold: ['grant'], approval: { from: ['dba'], count: 1, within: 300_000 } }],
    unparsable: 'hold',
    interactiveShell: 'allow',
    mask: [{ columns: ['*.email'], with: 'partial' }],
    files: 'digests',
    limits: { idle: 900_000, sessionLength: 7_200_000, statementsPerMinute: 600, rowsOut: 100_000 },
  });
  const wire = JSON.parse(JSON.stringify(encode(SessionRules, rules)));
  expect(wire.limits.idle).toBe('15m');
  expect(SessionRules.parse(wire)).toEqual(rules);
});

test('sessions under one rule share one object, so that they can be told together', () => {
  const rulesOf = sessionRules(policyOf({ name: 'own' }), 7, NOW);
  const [a, b] = [rulesOf(facts()), rulesOf(facts({ identity: { email: 'eve@example.com', groups: ['okta:dba'] } }))];
  expect(a.ok && b.ok && a.value.rules === b.value.rules).toBe(true);
});

describe('a rule too big for a message', () => {
  test('is refused where it is written, with its place', () => {
    const columns = Array.from(
      { length: 490 },
      (_, index) => `${'s'.repeat(60)}.t${index}${'c'.repeat(55)}.${'c'.repeat(55)}`,
    );
    const mask = `[${columns.map((column) => `"${column}"`).join(', ')}]`;
    const policy = `administrators: ["x:a"]\nrules:\n  - name: big\n    resources: {}\n    who: [everyone]\n    access: { ttl: 1h }\n    mask: [{ columns: ${mask}, with: partial }, { columns: ${mask}, with: hash }]\n`;
    const parsed = parsePolicy(policy);
    expect(parsed.ok ? [] : parsed.error.map(describeMistake)).toEqual([
      expect.stringMatching(
        /^line 3, column 5: rules\[0\]\.name: takes \d+ bytes in a message to a connector, more than/,
      ),
    ]);
    expect(parsePolicy(policy.replaceAll('c'.repeat(55), 'c'.repeat(5))).ok).toBe(true);
  });

  test('could not have been told: at its biggest a message for a thousand sessions fits', () => {
    const rules: SessionRules = {
      policyVersion: 7,
      rule: 'r',
      limits: {},
      statements: [{ block: ['drop'], hint: 'x' }],
    };
    const sessions = Array.from({ length: 1_000 }, () => newId('ses'));
    const bare = JSON.stringify(encode(FromEdge, { kind: 'rules.in_force', policyVersion: 7, sessions, rules })).length;
    expect(bare + MAX_SESSION_RULES_BYTES).toBeLessThan(MAX_CONTROL_MESSAGE_BYTES);
  });
});
