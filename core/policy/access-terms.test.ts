import { expect, test } from 'vitest';
import { accessTerms } from './access-terms.ts';
import { parsePolicy } from './parse.ts';

const parsed = parsePolicy(`
administrators: [okta:admins]
groups: { dba: [okta:dba] }
rules:
  - name: prod
    resources: { env: prod }
    who: [dba]
    task: required
    access: { ttl: 8h, reason: required, approval: { from: ['user:carol@example.com'], workWindow: 1h } }
    statements: [{ block: [drop] }, { hold: [grant], approval: { from: [dba], within: 5m } }]
    mask: [{ columns: [customers.email], with: partial }, { detect: [iban, { name: badge, pattern: 'B-\\d+' }], with: hash }]
    record: { retain: 365d, view: [dba] }
  - { name: closed, resources: { env: vault }, who: [everyone], access: deny }
`);
if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
const policy = parsed.value;
const resource = (env: string) => ({ name: 'orders', protocol: 'postgres', labels: { env } }) as never;
const who = (email: string) => ({ email, groups: ['okta:dba'] });

test('are those of the rule that decides', () => {
  expect(accessTerms(policy, who('bob@example.com'), resource('prod'))).toEqual({
    rule: 'prod',
    longestSeconds: 3600,
    reasonRequired: true,
    taskRequired: true,
    approvers: ['user:carol@example.com'],
    nobodyElseApproves: false,
    record: { retainSeconds: 365 * 86_400, viewers: ['dba'], viewOwn: true },
    masks: ['customers.email', 'iban', 'badge'],
    blocks: ['drop'],
    holds: ['grant'],
  });
});

test('say nothing of what sessions of the protocol never ask', () => {
  const [rule] = policy.rules;
  if (!rule) throw new Error('no rule');
  const more = {
    commands: [{ block: ['rm *'] }],
    mask: [...(rule.mask ?? []), { fields: ['$..email'], with: 'hash' as const }],
  };
  const terms = accessTerms({ ...policy, rules: [{ ...rule, ...more }] }, who('bob@example.com'), resource('prod'));
  expect(terms).toMatchObject({ masks: ['customers.email', 'iban', 'badge'], blocks: ['drop'] });
});

test('say that somebody would wait for themselves', () => {
  expect(accessTerms(policy, who('carol@example.com'), resource('prod'))?.nobodyElseApproves).toBe(true);
});

test.each(['vault', 'elsewhere'])('are none where no rule gives access (%s)', (env) => {
  expect(accessTerms(policy, who('bob@example.com'), resource(env))).toBeUndefined();
});
