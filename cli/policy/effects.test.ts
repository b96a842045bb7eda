import { expect, test } from 'vitest';
import { PolicyEffect } from '../../core/api.ts';
import { describeEffects, describeRulesGone } from './effects.ts';

const SESSIONS = ['ses_01m7xr5fhpxd5ccp0p7jtdc9r1', 'ses_01m7xr5fhpxd5ccp0p7jtdc9r2'];
const effect = (more: object) =>
  PolicyEffect.parse({
    grant: 'grt_01m7xr5fhpxd5ccp0p7jtdc9r1',
    email: 'alice@example.com',
    resource: 'demo',
    opens: true,
    ends: [],
    changes: [],
    ...more,
  });

test('what ends or changes is counted, and named with whose it is', () => {
  const effects = [
    effect({ opens: false, ends: SESSIONS }),
    effect({ grant: 'grt_01m7xr5fhpxd5ccp0p7jtdc9r2', email: 'bob@example.com', changes: [SESSIONS[0]] }),
  ];
  expect(describeEffects(effects, 'before')).toEqual([
    'It ends 2 live sessions, changes the rules of 1 live session, leaves 1 live grant without access:',
    `  session ${SESSIONS[0]} of alice@example.com on demo would end`,
    `  session ${SESSIONS[1]} of alice@example.com on demo would end`,
    '  grant grt_01m7xr5fhpxd5ccp0p7jtdc9r1 of alice@example.com on demo would open nothing any more',
    `  session ${SESSIONS[0]} of bob@example.com on demo would go on under other rules`,
  ]);
  expect(describeEffects(effects, 'after')[1]).toBe(`  session ${SESSIONS[0]} of alice@example.com on demo ended`);
  expect(describeEffects([], 'before')).toEqual(['It touches no live session and no live grant.']);
});

test('a grant on which nobody works is told of: what it opens next is under other rules', () => {
  expect(describeEffects([effect({ otherRules: true })], 'before')).toEqual([
    'It changes what 1 live grant opens:',
    '  grant grt_01m7xr5fhpxd5ccp0p7jtdc9r1 of alice@example.com on demo would open sessions under other rules',
  ]);
});

test('a grant that a stricter rule in front does not reach is told of, with both rules', () => {
  const effects = [effect({ passedBy: { rule: 'masked', under: 'developers' } })];
  expect(describeEffects(effects, 'before')).toEqual([
    'It does not reach 1 live grant (revoke what must not stay):',
    '  grant grt_01m7xr5fhpxd5ccp0p7jtdc9r1 of alice@example.com on demo would stay under rule developers; rule masked decides for new ones alone',
  ]);
  expect(describeEffects(effects, 'after')[0]).toBe('It did not reach 1 live grant (revoke what must not stay):');
});

test('a long list is cut, and says so', () => {
  const many = Array.from({ length: 30 }, () => effect({ ends: [SESSIONS[0]] }));
  const told = describeEffects(many, 'before');
  expect([told.length, told.at(-1)]).toEqual([22, '  and 10 more (--json names all)']);
});

test('a rule that goes is named, with what stays of its word', () => {
  const told = describeRulesGone([
    { rule: 'pii', auditorsAsk: true },
    { rule: 'sealed', auditorsAsk: false },
  ]);
  expect(told[0]).toMatch(/^Rule pii goes .*auditors still need approval to watch them/);
  expect(told[1]).toMatch(/^Rule sealed goes .*only auditors and their own people see them/);
});
