import { loadModule, parseSync } from 'libpg-query';
import { beforeAll, describe, expect, test } from 'vitest';
import { ResourceName } from '../../resource.ts';
import { mysqlReader, postgresReader } from '../../sql/reader.ts';
import { type AccessQuestion, explainAccess } from './explain-access.ts';
import { explainMasks } from './explain-masks.ts';
import { explainAction } from './explain-action.ts';
import { explainStatement } from './explain-statement.ts';
import { describeMistake, parsePolicy } from '../parse.ts';

beforeAll(() => loadModule());
const reader = postgresReader(parseSync);

const parsed = parsePolicy(`
groups: { dba: [okta:dba, okta:oncall] }
administrators: [okta:admins]
rules:
  - name: no-contractors
    resources: { env: prod }
    who: [okta:contractors]
    access: deny
  - name: mysterious
    resources: { owner: shop, env: [prod, staging] }
    who: [everyone]
    access: { ttl: 1h }
  - name: orders-prod
    resources: { env: prod }
    who: [dba]
    access:
      ttl: 1h
      reason: required
      networks: [10.0.0.0/8]
      during: [{ days: [mon-fri], from: "08:00", to: "18:00", zone: UTC }]
      approval: { from: [okta:leads] }
    statements:
      - { block: [drop, "* on hr.salaries"], hint: Use the runbook. }
      - { hold: [alter], approval: { from: [okta:leads] } }
    mask:
      - { columns: ["customers.email", "hr.salaries.*"], with: partial }
      - { columns: ["*.phone"], with: { fixed: "0" } }
      - { detect: [jwt, { name: own, pattern: X+ }], with: placeholder }
  - name: rest
    resources: {}
    who: [everyone]
    access: { ttl: 1h }
`);
if (!parsed.ok) throw new Error(parsed.error.map(describeMistake).join());
const policy = parsed.value;
const orders = policy.rules[2];
if (!orders) throw new Error('no rule');

const question = (changes: Partial<AccessQuestion> = {}): AccessQuestion => ({
  identity: { email: 'alice@example.com', groups: ['okta:oncall'] },
  resource: { name: ResourceName.parse('orders'), protocol: 'postgres', labels: { env: 'prod' } },
  reason: 'r',
  ...changes,
});
const MONDAY = Date.parse('2026-11-16T09:00:00Z');
const SUNDAY = Date.parse('2026-11-15T09:00:00Z');

describe('access', () => {
  test('says of each rule ahead of the one that decides what in it did not fit', () => {
    const explained = explainAccess(policy, question());
    expect([explained.access, explained.rule?.name, explained.notReached]).toEqual([
      'approval',
      'orders-prod',
      ['rest'],
    ]);
    expect(explained.rules).toMatchObject([
      { rule: 'no-contractors', decides: false, labels: [{ fits: true }], who: [{ fits: false }] },
      {
        rule: 'mysterious',
        decides: false,
        labels: [
          { label: 'owner', wanted: ['shop'], fits: false },
          { label: 'env', wanted: ['prod', 'staging'], actual: 'prod', fits: true },
        ],
      },
      { rule: 'orders-prod', decides: true, who: [{ name: 'dba', groups: ['okta:dba', 'okta:oncall'], fits: true }] },
    ]);
    expect(explained.rules[1]?.labels[0]).not.toHaveProperty('actual');
  });

  test.each<[string, Partial<AccessQuestion>, string, string | undefined, string | undefined]>([
    [
      'a deny',
      { identity: { email: 'e@x.y', groups: ['okta:contractors'] } },
      'deny',
      'no-contractors',
      'denied_by_rule',
    ],
    ['a missing reason', { reason: '' }, 'deny', 'orders-prod', 'reason_required'],
    ['an open window', { nowMs: MONDAY }, 'approval', 'orders-prod', undefined],
    ['a closed window', { nowMs: SUNDAY }, 'deny', 'orders-prod', 'outside_time_window'],
    ['no time at all', {}, 'approval', 'orders-prod', undefined],
    ['a network of the rule', { from: '10.1.2.3' }, 'approval', 'orders-prod', undefined],
    ['another network', { from: '192.0.2.1' }, 'deny', 'orders-prod', 'network_not_allowed'],
    ['somebody else', { identity: { email: 'e@x.y', groups: [] } }, 'allow', 'rest', undefined],
  ])('%s', (_name, changes, access, rule, reason) => {
    const explained = explainAccess(policy, question(changes));
    expect([explained.access, explained.rule?.name, explained.refusal?.reason]).toEqual([access, rule, reason]);
  });

  test('no rule at all', () => {
    const none = explainAccess({ ...policy, rules: [] }, question());
    expect(none).toMatchObject({ access: 'deny', refusal: { reason: 'no_rule' }, rules: [], notReached: [] });
  });
});

describe('a statement', () => {
  test('is told with entry, pattern, hint and everything that it does', () => {
    expect(explainStatement(orders, reader, 'with d as (delete from t) select * from o; drop table c')).toEqual({
      verdict: 'block',
      why: 'it is what "drop" names',
      entry: 0,
      pattern: 'drop',
      hint: 'Use the runbook.',
      unreadable: false,
      does: ['select on o', 'delete on t without where', 'drop on c'],
    });
    expect(explainStatement(orders, reader, 'alter table c add x int')).toMatchObject({
      verdict: 'hold',
      entry: 1,
      approvers: ['okta:leads'],
    });
  });

  test('that cannot be read says why', () => {
    expect(explainStatement(orders, reader, 'selec 1')).toMatchObject({ verdict: 'block', unreadable: true, does: [] });
    expect(explainStatement(orders, reader, 'do $$begin end$$')).toMatchObject({ verdict: 'block', unreadable: true });
  });

  test('hangs on the search path where a pattern asks for a schema', () => {
    const verdict = (path?: string[]) => explainStatement(orders, reader, 'select 1 from salaries', path).verdict;
    expect([verdict(), verdict(['public']), verdict(['hr'])]).toEqual(['block', 'allow', 'block']);
  });

  test('under a rule without statements is allowed', () => {
    expect(explainStatement({}, reader, 'drop table t').why).toBe('the rule says nothing about statements');
  });
});

describe('masks', () => {
  const TABLES = { customers: ['id', 'email', 'phone'] };
  const shownIn = (statement: string, column: string, tables?: Record<string, string[]>) =>
    explainMasks(orders, reader, statement, tables)
      .shown(column.split('.'))
      .map((one) => (one === 'absent' ? one : one.shown === 'masked' ? one.with : one.shown));

  test.each<[string, string, unknown[]]>([
    ['select email as x from customers', 'x', ['partial']],
    ['select email as x from customers', 'customers.email', ['partial']],
    ['select upper(email) as x, id from customers', 'customers.email', ['partial']],
    ['select id from customers where email = 1', 'customers.email', ['absent']],
    ['select id from customers', 'customers.id', ['clear']],
    ['select id from customers', 'id', ['clear']],
    ['select * from customers', 'customers.email', ['partial']],
    ['select * from customers', 'email', ['partial']],
    ['select * from customers', 'id', ['clear']],
    ['select email, phone from customers', 'customers.phone', [{ fixed: '0' }]],
    ['select phone || email as x from customers', 'x', ['partial']],
    ['select id, email as id from customers', 'id', ['clear', 'partial']],
    ['select own(1) as x', 'x', ['withheld']],
    ['select row_to_json(c.*) as j from customers c', 'j', ['partial']],
    ['select row_to_json(c.*) as j from customers c', 'customers.id', ['partial']],
    ['select * from customers natural join orders', 'customers.email', ['partial']],
    ['select row_to_json(o.*) as j from orders o', 'j', [{ fixed: '0' }]],
    ['select email as x, upper(id) as y, own(1) from customers', 'x', ['partial']],
    ['select email as x, upper(id) as y, own(1) from customers', 'y', ['withheld']],
    ['select pay from hr.salaries', 'hr.salaries.pay', ['partial']],
    ['insert into customers values (1) returning email', 'customers.email', ['partial']],
    ['copy customers (email) to stdout', 'customers.email', ['partial']],
    ['prepare p as select email from customers; execute p', 'customers.email', ['partial']],
    ['declare c cursor for select email as x from customers; fetch all c', 'x', ['partial']],
    ['fetch all c', 'customers.email', ['withheld']],
    ['selec', 'customers.email', ['withheld']],
    ['delete from customers', 'customers.email', ['absent']],
    ['select x.contact from (select email as contact from customers) x', 'contact', ['partial']],
  ])('%s: %s', (statement, column, expected) => expect(shownIn(statement, column)).toEqual(expected));

  test('with its columns described, a table is known: a row is what it holds, and * what it stands for', () => {
    expect(shownIn('select row_to_json(c) as j from customers c', 'j', TABLES)).toEqual(['partial']);
    const [result] = explainMasks(orders, reader, 'select * from customers', TABLES).results;
    expect(result?.columns.map(({ name, shown }) => `${name} ${shown}`)).toEqual([
      'id clear',
      'email masked',
      'phone masked',
    ]);
  });

  test('without, what is taken for a column is said', () => {
    const { assumed, results } = explainMasks(orders, reader, 'select row_to_json(c), c.email from customers c');
    expect(assumed).toEqual(['customers.c']);
    expect(results[0]?.columns[1]).toMatchObject({ shown: 'masked', entry: 0, pattern: 'customers.email' });
  });

  test('of a * names each column that a pattern names, and what is searched for everywhere', () => {
    const { results, detect } = explainMasks(orders, reader, 'select * from customers');
    expect(results[0]?.columns[0]?.columns?.map(({ name }) => name)).toEqual(['customers.email', 'customers.phone']);
    expect(detect.map(({ detector }) => detector)).toEqual(['jwt', 'own']);
  });

  test('without a statement answer for a column by itself', () => {
    expect(explainMasks(orders, reader, undefined).shown(['hr', 'salaries', 'pay'])).toMatchObject([
      { with: 'partial' },
    ]);
  });
});

describe('masks that go by the result', () => {
  const shown = (statement: string | undefined, column: string) =>
    explainMasks(orders, mysqlReader, statement, {}).shown(column.split('.'));

  test('are not told ahead of it, and not taken for a refusal', () => {
    expect(shown('select email from customers', 'email')).toEqual([{ shown: 'untold' }]);
    const { results } = explainMasks(orders, mysqlReader, 'select upper(email), id from customers');
    expect(results).toEqual([{ statement: 1, columns: [{ name: '*', from: 'unknown', shown: 'untold' }] }]);
  });

  test('are told where no rule can concern it, and of a column by itself', () => {
    expect(shown(undefined, 'customers.email')).toMatchObject([{ shown: 'masked', with: 'partial' }]);
    const free = { ...orders, mask: [{ columns: ['customers.email'], with: 'partial' as const }] };
    const { results } = explainMasks(free, mysqlReader, 'select id from parcels');
    expect(results).toMatchObject([{ columns: [{ shown: 'clear' }] }]);
  });
});

describe('an action of another section', () => {
  const rule = {
    commands: [{ block: ['rm -rf *'], hint: 'Ask.' }],
    requests: [{ allow: ['GET /api/**', 'get pods'] }],
    forwards: [{ hold: ['*:22'], approval: { from: ['okta:leads'], count: 1, within: 300_000 } }],
  };
  test.each([
    ['commands', 'cd / && rm -rf x', 'block', 'it is what "rm -rf *" names'],
    ['commands', 'interactive shell', 'block', 'what is typed in an interactive shell is not seen command by command'],
    ['commands', 'ls', 'allow', 'no entry names it'],
    ['requests', 'GET /api/x?y=1', 'allow', 'no entry names it'],
    ['requests', 'DELETE /api/x', 'block', 'DELETE on /api/x is not in the allow list'],
    ['requests', 'get pods', 'allow', 'no entry names it'],
    ['requests', 'create pods/exec', 'block', 'create on pods/exec is not in the allow list'],
    ['forwards', '[::1]:22', 'hold', 'it is what "*:22" names'],
    ['forwards', 'db:5432', 'allow', 'no entry names it'],
  ] as const)('%s: %s', (section, text, verdict, why) => {
    const told = explainAction(rule, { section, text }, reader);
    expect(told).toMatchObject({ verdict, why });
    expect(told.does).toBeUndefined();
    expect(explainAction({}, { section, text }, reader).why).toBe(
      section === 'forwards'
        ? 'a rule without forwards opens none, since they lead beyond its resources'
        : `the rule says nothing about ${section}`,
    );
  });
});

describe('a file of the client (LOAD DATA LOCAL)', () => {
  const load = "load data local infile 'people.csv' into table people";
  const why = (rule: Parameters<typeof explainStatement>[0]) => {
    const { verdict, why: words } = explainStatement(rule, mysqlReader, load);
    return [verdict, words];
  };

  test('goes over where an entry names it, and under no rule that says nothing of it', () => {
    const named = 'it sends a file of the client, which an entry must name: allow ["*", "load data local"]';
    const approval = { from: ['okta:leads'], count: 1, within: 300_000 };
    expect(why({})).toEqual(['block', named]);
    expect(why({ unparsable: 'allow' })).toEqual(['block', named]);
    expect(why({ statements: [{ allow: ['*'] }] })).toEqual(['block', named]);
    expect(why({ statements: [{ allow: ['*', 'load data local'] }] })).toEqual([
      'allow',
      'no entry names what it does',
    ]);
    expect(why({ statements: [{ hold: ['load data local'], approval }] })[0]).toBe('hold');
    expect(why({ statements: [{ warn: ['load data local'] }] })).toEqual(['block', named]);
    expect(explainStatement({}, mysqlReader, 'select 1')).toMatchObject({
      verdict: 'allow',
      why: 'the rule says nothing about statements',
    });
  });
});
