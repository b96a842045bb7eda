import { describe, expect, test } from 'vitest';
import { type Claims, claimFaultWords, identityOf } from './claims.ts';

const SETTINGS = { groupsClaim: 'groups', groupsRequired: true, emailDomains: [], providerName: 'entra' };
const DAVE: Claims = {
  iss: 'https://idp',
  sub: 'dave',
  iat: 1_700_000_000,
  email: 'Dave@Example.com',
  groups: ['eng'],
};
const read = (claims: object, settings: object = {}, saysVerified = false) => {
  const found = identityOf({ ...DAVE, ...claims } as Claims, { ...SETTINGS, ...settings }, saysVerified);
  return found.ok ? found.value.groups : found.error;
};
const without = (name: string) => ({ [name]: undefined });

describe('groups', () => {
  test.each<[string, object, object, unknown]>([
    ['a list', {}, {}, ['entra:eng']],
    ['one, not in a list', { groups: 'eng' }, {}, ['entra:eng']],
    ['none at all, said so', { groups: [] }, {}, []],
    ['not said', without('groups'), {}, 'groups_missing'],
    ['not said, where they need not be', without('groups'), { groupsRequired: false }, []],
    ['too many for Entra', { groups: undefined, _claim_names: { groups: 'src1' } }, {}, 'groups_left_out'],
    ['too many for a fragment', { groups: undefined, hasgroups: true }, {}, 'groups_left_out'],
    ['too many, as text', { groups: undefined, hasgroups: 'true' }, {}, 'groups_left_out'],
    [
      'left out, also where they need not be',
      { groups: undefined, hasgroups: true },
      { groupsRequired: false },
      'groups_left_out',
    ],
    ['a nested claim', { realm_access: { roles: ['dba'] } }, { groupsClaim: 'realm_access.roles' }, ['entra:dba']],
    ['a nested claim that is not there', { realm_access: {} }, { groupsClaim: 'realm_access.roles' }, 'groups_missing'],
    ['a name with dots', { 'https://a.b/groups': ['dba'] }, { groupsClaim: 'https://a.b/groups' }, ['entra:dba']],
    ['objects', { groups: [{ id: 1 }] }, {}, 'groups_unreadable'],
    ['more than can be kept', { groups: Array.from({ length: 1001 }, (_, n) => `g${n}`) }, {}, 'groups_unreadable'],
  ])('%s', (_what, claims, settings, expected) => expect(read(claims, settings)).toEqual(expected));
});

describe('e-mail', () => {
  test.each<[string, object, object, boolean, unknown]>([
    ['verified', { email_verified: true }, {}, true, ['entra:eng']],
    ['not verified', { email_verified: false }, {}, false, 'email_unverified'],
    ['not verified, as text', { email_verified: 'false' }, {}, false, 'email_unverified'],
    ['not said, by a provider that says it', {}, {}, true, 'email_unverified'],
    ['not said, by one that never does', {}, {}, false, ['entra:eng']],
    ['said as null', { email_verified: null }, {}, false, 'email_unverified'],
    ['of an allowed domain', {}, { emailDomains: ['example.com'] }, false, ['entra:eng']],
    ['of another domain', {}, { emailDomains: ['example.org'] }, false, 'email_domain_not_allowed'],
    ['that programs have', { email: 'x@Github.Workload.Invalid' }, {}, false, 'email_domain_not_allowed'],
    [
      'of a domain below',
      { email: 'a@x.example.com' },
      { emailDomains: ['example.com'] },
      false,
      'email_domain_not_allowed',
    ],
    ['missing', { email: undefined }, {}, false, 'email_missing'],
  ])('%s', (_what, claims, settings, saysVerified, expected) =>
    expect(read(claims, settings, saysVerified)).toEqual(expected),
  );
});

test('the person is told what to do', () => {
  expect(claimFaultWords('groups_left_out')).toContain('only the groups of this application');
  expect(claimFaultWords('groups_missing')).toContain('OIDC_GROUPS_REQUIRED');
  expect(claimFaultWords('state_wrong')).toBeUndefined();
});
