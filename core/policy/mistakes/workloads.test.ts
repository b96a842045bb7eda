// Names of programs in a policy: what is a mistake, what fits whom.

import { describe, expect, test } from 'vitest';
import { evaluate } from '../evaluate.ts';
import { describeMistake, parsePolicy } from '../parse.ts';
import { namesWorkload, workloadNameMistake } from '../workload-names.ts';
import { policyFindings } from './findings.ts';

const MAIN = 'workload:github:acme/shop:ref:refs/heads/main';

describe('a name of a program', () => {
  test.each([
    MAIN,
    'workload:github:acme@1234/shop@5678:ref:refs/tags/v1',
    'workload:github:acme/shop:ref:refs/heads/release/*',
    'workload:github:acme/shop:ref:refs/heads/*',
    'workload:github:acme/shop:environment:Production EU',
    'workload:github:acme/shop:event:pull_request',
    'workload:github:acme/shop:workflow:acme/ci/.github/workflows/Deploy.yml@refs/heads/main',
    'workload:gitlab:acme/web/shop:ref:refs/heads/main',
    'workload:gitlab:acme/web/shop@22:environment:production',
    'workload:buildkite:acme/shop:ref:refs/heads/main',
    'workload:gcp:deploy@acme.iam.gserviceaccount.com@112233',
    'workload:k8s:system:serviceaccount:shop:deploy',
  ])('%s is one', (name) => expect(workloadNameMistake(name, undefined)).toBeUndefined());

  test.each([
    ['workload:ci', 'expected workload:PROVIDER:NAME'],
    ['workload:github:acme/shop', 'OWNER/REPOSITORY in lower case'],
    ['workload:github:acme/shop:ref:main', 'OWNER/REPOSITORY in lower case'],
    ['workload:github:acme/shop:ref:refs/heads/', 'OWNER/REPOSITORY in lower case'],
    ['workload:github:Acme/shop:ref:refs/heads/main', 'OWNER/REPOSITORY in lower case'],
    ['workload:github:acme/*:ref:refs/heads/main', 'OWNER/REPOSITORY in lower case'],
    ['workload:github:*', 'OWNER/REPOSITORY in lower case'],
    ['workload:github:acme/shop:*', 'OWNER/REPOSITORY in lower case'],
    ['workload:github:acme/shop:ref:refs/*', 'OWNER/REPOSITORY in lower case'],
    ['workload:github:acme/shop:ref:refs/heads/*/x', 'OWNER/REPOSITORY in lower case'],
    ['workload:github:acme/shop:environment:*', 'OWNER/REPOSITORY in lower case'],
    ['workload:github:acme/shop:workflow:acme/ci/*@refs/heads/main', 'OWNER/REPOSITORY in lower case'],
    ['workload:gitlab:shop:ref:refs/heads/main', 'GROUP/PROJECT in lower case'],
    ['workload:gcp:alice@gmail.com', "a service account's address"],
    ['workload:k8s:system:*', 'the end of a branch or tag'],
    [`workload:k8s:${'x'.repeat(200)}`, 'is longer than'],
    ['workload:k8s:a\u200b', 'a character that nobody sees'],
  ])('%s is none', (name, message) => expect(workloadNameMistake(name, undefined)).toContain(message));

  test('is of an issuer that is set, where these are known', () => {
    const issuers = [{ name: 'ghes', kind: 'github-actions' }] as const;
    expect(workloadNameMistake('workload:ghes:acme/shop:ref:refs/heads/main', issuers)).toBeUndefined();
    expect(workloadNameMistake('workload:ghes:acme/shop', issuers)).toContain('OWNER/REPOSITORY');
    expect(workloadNameMistake(MAIN, issuers)).toContain('no issuer is called github, names begin with workload:ghes:');
    expect(workloadNameMistake(MAIN, [])).toContain('WORKLOAD_ISSUERS');
  });

  test('a pattern fits what begins with it, and never more than one repository', () => {
    const names = ['workload:github:acme/shop:ref:refs/heads/release/1'];
    expect(namesWorkload('workload:github:acme/shop:ref:refs/heads/release/*', names)).toBe(true);
    expect(namesWorkload('workload:github:acme/shop:ref:refs/heads/*', names)).toBe(true);
    expect(namesWorkload('workload:github:acme/shop:ref:refs/tags/*', names)).toBe(false);
    // Of a policy that was in force before: as it is written, and nothing more.
    expect(namesWorkload('workload:github:acme/*', names)).toBe(false);
    expect(namesWorkload('workload:*', names)).toBe(false);
    expect(namesWorkload('everyone', names)).toBe(false);
  });
});

const POLICY = `
groups: { ci: ["okta:ci"] }
administrators: [okta:admins]
rules:
  - name: people
    resources: { env: prod }
    who: [everyone]
    access: { ttl: 1h }
  - name: ci
    resources: { env: prod }
    who: ["${MAIN}"]
    access: { ttl: 15m }
tests:
  - given: { person: ci@example.com, groups: ["${MAIN}"], resource: { name: orders, labels: { env: prod } } }
    expect: { access: allow, rule: ci }
`;
const mistakes = (text: string) => {
  const parsed = parsePolicy(text, {});
  return parsed.ok ? [] : parsed.error.map(describeMistake);
};

describe('in a policy', () => {
  test('it stands in who, and in the groups of a case', () => expect(mistakes(POLICY)).toEqual([]));

  test.each([
    ['groups: { ci: ["okta:ci"] }', `groups: { ci: ["${MAIN}"] }`],
    ['administrators: [okta:admins]', `administrators: ["${MAIN}"]`],
    ['administrators: [okta:admins]', `administrators: [okta:admins]\nauditors: ["${MAIN}"]`],
    ['access: { ttl: 1h }', `access: { ttl: 1h, approval: { from: ["${MAIN}"] } }`],
    ['access: { ttl: 1h }', `access: { ttl: 1h }\n    record: { view: ["${MAIN}"] }`],
    ['access: { ttl: 15m }', 'access: { ttl: 15m, approval: { from: [okta:admins] } }'],
    ['who: [everyone]', 'who: ["user:a@github.workload.invalid"]'],
  ])('%s does not become %s', (from, to) => {
    expect(POLICY).toContain(from);
    expect(mistakes(POLICY.replace(from, to))).toHaveLength(1);
  });

  test('everyone is everybody who signs in, and a deny for everyone is for programs too', () => {
    const ask = (text: string) => {
      const parsed = parsePolicy(text, {});
      if (!parsed.ok) throw new Error('it does not parse');
      const identity = { email: 'x@github.workload.invalid', groups: [MAIN] };
      const resource = { name: 'orders', protocol: 'postgres' as const, labels: { env: 'prod' } };
      const decision = evaluate(parsed.value, { identity, resource, reason: '', nowMs: 0 } as never);
      const shadowed = policyFindings(parsed.value, { resources: [] }).map(({ message }) => message);
      return [decision.kind === 'allow' ? decision.rule.name : decision.reason, shadowed.length];
    };
    // Not overshadowed: the rule before it does not take programs.
    expect(ask(POLICY)).toEqual(['ci', 0]);
    expect(ask(POLICY.replace('access: { ttl: 1h }', 'access: deny'))).toEqual(['denied_by_rule', 1]);
    expect(ask(POLICY.replace(`who: ["${MAIN}"]`, 'who: [everyone]'))[0]).toBe('no_rule');
  });
});
