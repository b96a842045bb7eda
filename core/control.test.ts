// Law 9, as a property of the contract: what the edge can say to a connector.

import { expect, test } from 'vitest';
import { z } from 'zod';
import { FromConnector, FromEdge } from './control.ts';

/** Every property that any message of the schema can carry, at any depth. */
function propertiesOf(schema: z.ZodType): Set<string> {
  const found = new Set<string>();
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    if ('properties' in node && typeof node.properties === 'object' && node.properties !== null) {
      for (const name of Object.keys(node.properties)) found.add(name);
    }
    for (const child of Object.values(node)) walk(child);
  };
  walk(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
  return found;
}

test('law 9: nothing the edge says to a connector names a place to dial or a credential to use', () => {
  // Whoever adds a property here has to say why a connector cannot be led astray by it.
  expect([...propertiesOf(FromEdge)].sort()).toEqual(
    [
      'call',
      'candidates',
      'email',
      'grant',
      'groups',
      'id',
      'identity',
      'iterations',
      'kind',
      'labels',
      'maxSessions',
      'message',
      'name',
      'obligations',
      'opened',
      'policyVersion',
      'protocol',
      'provider',
      'reason',
      'record',
      'request',
      'resource',
      'retainDays',
      'revoked',
      'rule',
      'salt',
      'seq',
      'serverKey',
      'session',
      'storedKey',
      'subject',
      'task',
      'trace',
      'until',
      'verifier',
    ].sort(),
  );
});

test('law 9: what a message names besides is dropped when it is read', () => {
  const read = FromEdge.parse({ kind: 'welcome', policyVersion: 1, host: 'evil.example', port: 5432 });
  expect(read).toEqual({ kind: 'welcome', policyVersion: 1 });
});

test('the kinds of both directions are the known ones, and no other parses', () => {
  expect(FromEdge.options.map((option) => option.shape.kind.value).sort()).toEqual([
    'acknowledged',
    'grant.revoked',
    'grants.found',
    'policy.changed',
    'session.admitted',
    'session.refused',
    'welcome',
  ]);
  expect(FromConnector.options.map((option) => option.shape.kind.value).sort()).toEqual([
    'grants.look_up',
    'hello',
    'report',
    'session.open',
  ]);
  expect(FromEdge.safeParse({ kind: 'session.dial', host: 'evil.example' }).success).toBe(false);
});

test('law 8: a connector announces no credential of a target', () => {
  const announced = propertiesOf(FromConnector);
  for (const name of ['password', 'secret', 'credential', 'token', 'user', 'username', 'privateKey']) {
    expect(announced.has(name)).toBe(false);
  }
});
