// Law 9, as a property of the contract: what the edge can say to a connector.

import { expect, test } from 'vitest';
import { z } from 'zod';
import { CONNECTOR_UNDERSTANDS, EDGE_UNDERSTANDS, FromConnector, FromEdge } from './control.ts';
import { newId } from './ids.ts';

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
  const calls = ['call', 'kind', 'message', 'reason', 'seq'];
  const grants = ['candidates', 'id', 'iterations', 'revoked', 'salt', 'serverKey', 'storedKey', 'until', 'verifier'];
  /** Shown on a client's screen, told back to the edge, and how it ended: whose grant it is, and nothing to show at a target. */
  const signIns = ['granted', 'signIn', 'userCode'];
  /** What is recorded of a session. */
  const opened = [
    ...['breakGlass', 'email', 'exempt', 'grant', 'groups', 'identity', 'labels', 'maxSessions', 'name', 'obligations'],
    ...['opened', 'policyVersion', 'protocol', 'provider', 'record', 'request', 'resource', 'retainDays', 'rule'],
    ...['session', 'subject', 'task', 'trace'],
  ];
  /** What a session may do: it takes away and hides, and never adds. */
  const rules = [
    ...[
      'allow',
      'approval',
      'block',
      'columns',
      'commands',
      'count',
      'detect',
      'endsAt',
      'fields',
      'files',
      'fixed',
      'forwards',
    ],
    ...['from'],
    ...[
      'hint',
      'hold',
      'idle',
      'interactiveShell',
      'limits',
      'mask',
      'pattern',
      'requests',
      'rowsOut',
      'rules',
      'sessionLength',
      'sessions',
      'statements',
    ],
    ...['statementsPerMinute', 'strict', 'unparsable', 'warn', 'with', 'within'],
  ];
  /** How a held action stands. `link` is a page of the portal, for the person to open: connectors only show it. */
  const holds = ['by', 'comment', 'decideBy', 'link', 'state'];
  /** Of a resource that two announce: for the log alone. */
  const contested = ['other', 'yours'];
  // Of the edge itself, and how many names are reached here; in what two replicas differ: for the log.
  const fleet = ['build', 'serving', 'what'];
  // By whom a session is ended and why stand among the others already: what a side understands is names of messages.
  const builds = ['understands'];
  // A public key: whoever shows a certificate of it is let in for a grant that this edge admits, as with a secret.
  const authorities = ['userAuthority'];
  // Public keys too, to which what masks hide is sealed for the archive: who may hide it is the edge's word anyway.
  const sealing = ['originals'];
  // An id: the connector meets it at its own edge, and dials nothing else for it.
  const tunnels = ['tunnel'];
  expect([...propertiesOf(FromEdge)].sort()).toEqual(
    [
      ...calls,
      ...grants,
      ...signIns,
      ...opened,
      ...rules,
      ...holds,
      ...contested,
      ...builds,
      ...authorities,
      ...sealing,
      ...tunnels,
      ...fleet,
    ].sort(),
  );
});

test('law 9: the one address in a message is of a page for people, beside a held action or a sign-in, and nowhere else', () => {
  const naming = FromEdge.options.filter((option) => propertiesOf(option).has('link'));
  expect(naming.map((option) => option.shape.kind.value)).toEqual(['sign_in.asked', 'hold.asked']);
  for (const name of ['host', 'port', 'address', 'url', 'endpoint', 'target', 'database'])
    expect(propertiesOf(FromEdge).has(name)).toBe(false);
});

test('law 9: what a message names besides is dropped when it is read', () => {
  const read = FromEdge.parse({ kind: 'welcome', policyVersion: 1, host: 'evil.example', port: 5432 });
  expect(read).toEqual({ kind: 'welcome', policyVersion: 1, understands: [] });
});

test('the kinds of both directions are the known ones, and no other parses', () => {
  expect(FromEdge.options.map((option) => option.shape.kind.value).sort()).toEqual([
    'acknowledged',
    'connector.revoked',
    'grant.revoked',
    'grants.found',
    'hold.asked',
    'hold.claimed',
    'hold.decided',
    'hold.refused',
    'key.rotate',
    'replicas.differ',
    'resource.contested',
    'rules.in_force',
    'session.admitted',
    'session.end',
    'session.refused',
    'sign_in.asked',
    'sign_in.refused',
    'sign_in.standing',
    'tunnel.open',
    'welcome',
  ]);
  expect(FromConnector.options.map((option) => option.shape.kind.value).sort()).toEqual([
    'connector.status',
    'grants.find',
    'grants.look_up',
    'grants.of_key',
    'hello',
    'hold.action',
    'hold.ask',
    'hold.claim',
    'report',
    'session.open',
    'sign_in.ask',
    'sign_in.look',
    'targets.seen',
  ]);
  expect(FromEdge.safeParse({ kind: 'session.dial', host: 'evil.example' }).success).toBe(false);
});

test('law 8: a connector announces no credential of a target', () => {
  const announced = propertiesOf(FromConnector);
  for (const name of ['password', 'secret', 'credential', 'token', 'user', 'username', 'privateKey']) {
    expect(announced.has(name)).toBe(false);
  }
});

test('a side of an earlier release says nothing of what it understands, and reads what a later one says', () => {
  const hello = { kind: 'hello', connector: newId('con'), build: 'earlier', resources: [], live: [] };
  expect(FromConnector.parse(hello)).toMatchObject({ understands: [] });
  // Messages of its own time are all that it may be sent.
  for (const kind of CONNECTOR_UNDERSTANDS)
    expect(FromEdge.options.map(({ shape }) => shape.kind.value)).toContain(kind);
  for (const kind of EDGE_UNDERSTANDS)
    expect(FromConnector.options.map(({ shape }) => shape.kind.value)).toContain(kind);
  expect(FromConnector.parse({ ...hello, understands: ['of.tomorrow'] })).toMatchObject({
    understands: ['of.tomorrow'],
  });
});

test.each(['one', ' trimmed ', 'ä ü ñ 漢字 \u{1F512}', 'x'.repeat(500)])('a session may be ended for %j', (reason) => {
  const read = FromEdge.parse({ kind: 'session.end', session: newId('ses'), by: 'carol@example.com', reason });
  expect(read).toMatchObject({ reason: reason.trim() });
});
