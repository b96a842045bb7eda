// The sessions that the archive of the tests holds.

import { SessionEntry } from '../../core/catalogue.ts';

const entry = (last: string, person: string, issuer: string, rule: string): SessionEntry =>
  SessionEntry.parse({
    id: `ses_0000000000000000000000000${last}`,
    connector: 'con_00000000000000000000000001',
    resource: 'demo',
    protocol: 'postgres',
    email: `${person}@example.com`,
    subject: `${issuer}#${person}`,
    grant: 'grt_00000000000000000000000001',
    rule,
    reason: 'tests',
    client: { address: '127.0.0.1' },
    startedAt: '2026-11-20T10:00:00.000Z',
    state: 'live',
    counts: { frames: 1, statements: 1, errors: 0, rows: 0, bytes: { client: 1, target: 1, gateway: 0 } },
    segments: 1,
  });

/** The subject's issuer is a placeholder: tests act as people of this issuer. */
export const ISSUER_OF_TESTS = 'https://idp.example';

export const SESSIONS = {
  ofAlice: entry('1', 'alice', ISSUER_OF_TESTS, 'demo-developers'),
  ofBob: entry('2', 'bob', ISSUER_OF_TESTS, 'demo-developers'),
  ofAliceHidden: entry('3', 'alice', ISSUER_OF_TESTS, 'sealed-away'),
  ofAliceOldRule: entry('4', 'alice', ISSUER_OF_TESTS, 'rule-that-is-gone'),
  /** Whose row somebody changed: a test says what the edge knows of it. */
  ofBobByRow: entry('5', 'alice', ISSUER_OF_TESTS, 'demo-developers'),
  /** As `ofAliceOldRule`, and that rule hid sessions from their own person. */
  ofAliceHiddenOldRule: entry('7', 'alice', ISSUER_OF_TESTS, 'rule-that-is-gone'),
  /** Never admitted. */
  ofNobody: entry('6', 'alice', ISSUER_OF_TESTS, 'demo-developers'),
} as const;

/** What the functions answer where one answer cannot carry an export. */
export const PARTS = {
  state: 'ready',
  ...{ fileName: 'x.txt', contentType: 'text/plain', bytes: 3, count: 2 },
  parts: [{ number: 0, bytes: 2, sha256: 'ab'.repeat(32), url: 'https://store.test/0?signature=x' }],
  until: '2026-11-20T12:05:00.000Z',
};
