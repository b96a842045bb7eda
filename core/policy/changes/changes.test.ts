import { expect, test } from 'vitest';
import { ResourceName } from '../../resource.ts';
import { accessChanges, policyChanges } from './changes.ts';
import { PolicyDocument } from '../document.ts';

const rule = (name: string, who: string[], rest: object = {}) => ({
  name,
  resources: { env: 'prod' },
  who,
  access: { ttl: '1h' },
  ...rest,
});
const policy = (rules: object[], rest: object = {}) =>
  PolicyDocument.parse({ administrators: ['okta:admins'], groups: { dba: ['okta:dba'] }, rules, ...rest });
const orders = { name: ResourceName.parse('orders'), protocol: 'postgres' as const, labels: { env: 'prod' } };

test('names rules that come, go, change and move, and groups and roles that do', () => {
  const before = policy([rule('a', ['dba']), rule('b', ['x:y']), rule('c', ['everyone'])]);
  const after = policy(
    [rule('c', ['everyone']), rule('a', ['dba'], { access: { ttl: '2h' }, task: 'required' }), rule('d', ['x:y'])],
    { administrators: ['okta:admins', 'okta:more'], groups: { dba: ['okta:dba', 'okta:oncall'], ops: ['okta:ops'] } },
  );
  expect(policyChanges(before, after)).toEqual({
    rules: {
      added: ['d'],
      removed: ['b'],
      changed: [{ rule: 'a', fields: ['access', 'task'] }],
      reordered: true,
    },
    administrators: { added: ['okta:more'], removed: [] },
    auditors: { added: [], removed: [] },
    groups: { added: ['ops'], removed: [], changed: ['dba'] },
  });
});

test('the order of keys is no change', () => {
  const [a, b] = [
    { ttl: '1h', reason: 'required' },
    { reason: 'required', ttl: '1h' },
  ];
  const changes = policyChanges(
    policy([rule('a', ['x:y'], { access: a })]),
    policy([rule('a', ['x:y'], { access: b })]),
  );
  expect(changes.rules.changed).toEqual([]);
});

test('says who loses and gains which resource, losers first', () => {
  const before = policy([rule('a', ['dba']), rule('b', ['user:Eve@example.com'])]);
  const after = policy([
    rule('a', ['okta:new', 'user:Eve@example.com'], { access: { ttl: '1h', approval: { from: ['dba'] } } }),
  ]);
  expect(
    accessChanges(before, after, [orders]).map(({ who, effect, after: now }) => `${who} ${effect} ${now.standing}`),
  ).toEqual(['okta:dba loses none', 'okta:new gains approval', 'user:Eve@example.com changes approval']);
});

test('a deny ahead of everything takes access from all', () => {
  const before = policy([rule('a', ['everyone'])]);
  const after = policy([rule('no', ['okta:ext'], { access: 'deny' }), rule('a', ['everyone'])]);
  expect(accessChanges(before, after, [orders])).toEqual([
    {
      who: 'okta:ext',
      resource: 'orders',
      before: { standing: 'allow', rule: 'a' },
      after: { standing: 'deny', rule: 'no' },
      effect: 'loses',
    },
  ]);
});
