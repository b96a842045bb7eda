// What is hidden and not kept, though a rule keeps originals: what is too large, and secrets. It is counted, and says why; whatever
// else is hidden beside it is kept.

import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { MAX_FRAME_ORIGINAL_BYTES } from '../../../core/recording/originals/original-object.ts';
import type { MemoryRecording } from '../../harness/memory-log.ts';
import { RULES, SCHEMA } from '../live/live-schema.ts';
import { connect, hangUp, leave, type Place, place, use } from '../place.ts';

let at: Place;
beforeAll(async () => {
  at = await place('shared', [SCHEMA]);
  at.gateway.edge.originals = [await identityToRecipient(await generateX25519Identity())];
});
beforeEach(() => use(at, RULES));
afterEach(() => hangUp(at));
afterAll(() => leave(at));

async function recordingOf(...texts: readonly string[]): Promise<MemoryRecording> {
  const client = await connect(at);
  for (const text of texts)
    await (/^copy/.test(text) ? copied(client, text) : client.query(text)).catch(() => undefined);
  await client.end();
  const { last } = at.gateway.log;
  await expect.poll(() => last.ended).toBeDefined();
  return last;
}

function copied(client: pg.Client, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const ignored = () => undefined;
    client.query({
      submit: (connection: pg.Connection) => void connection.query(text),
      handleCopyData: ignored,
      handleCommandComplete: ignored,
      handleReadyForQuery: resolve,
      handleError: reject,
    } as unknown as pg.Submittable);
  });
}

const notKept = (recording: MemoryRecording) =>
  recording.facts('mask.applied').flatMap(({ notKept = [] }) => notKept.map(({ reason, count }) => [reason, count]));

test('a field of COPY that is too large: its row is counted and nothing of it held, and the rows beside it are kept', async () => {
  await at.direct.query("insert into app.big (id, email, note) values (1, 'secretsecret1@x', 'n')");
  await at.direct.query("insert into app.big (id, email, note) select 2, repeat('x', 9000000), 'n'");
  await at.direct.query("insert into app.big (id, email, note) values (3, 'secretsecret3@x', 'n')");
  const recording = await recordingOf('copy (select id, email from big order by id) to stdout');
  const clear = recording.clear('target').toString('latin1');
  expect(clear).toContain('secretsecret1@x');
  expect(clear).not.toContain('x'.repeat(1000));
  expect(clear).toContain('secretsecret3@x');
  expect(recording.wire('target').toString('latin1')).not.toContain('secretsecret');
  expect(notKept(recording)).toEqual([['too_large', 1]]);
  for (const { bytes, clear: whole } of recording.frames)
    expect((whole?.length ?? 0) - (bytes?.length ?? 0)).toBeLessThanOrEqual(MAX_FRAME_ORIGINAL_BYTES);
});

test('a statement that says a secret: what masks hid in its answer is kept, and the secret is not', async () => {
  const recording = await recordingOf("select email, 'token=abcdefgh' as x, email from people order by id");
  const clear = recording.clear('target').toString('latin1');
  expect(clear).toContain('secretsecret@example.com');
  expect(clear).not.toContain('abcdefgh');
  expect(notKept(recording)).toEqual([]);
});

test.each([
  "select email from people where email = 'secretsecret@example.com' /* password = 'hunter3hunter3' */",
  "select email from people where email = 'secretsecret@example.com' -- password hunter3hunter3",
  "/* postgres://app:hunter3hunter3@db/x */ select email from people where email = 'secretsecret@example.com'",
  "select email from people where email in ('secretsecret@example.com', U&'pass\\0077ord=hunter3hunter3')",
  "select email from people where email in ('secretsecret@example.com', E'\\x70assword=hunter3hunter3')",
  "select email from people where email in ('secretsecret@example.com', $$password=hunter3hunter3$$)",
])('what hides with masks alone is in no original where it may be a secret: %s', async (text) => {
  const recording = await recordingOf(text);
  expect(recording.wire('client').toString('latin1')).not.toContain('hunter3');
  const clear = recording.clear('client').toString('latin1');
  expect(clear).not.toContain('hunter3');
  expect(clear).toContain('secretsecret@example.com');
  expect(notKept(recording)).toEqual([['secret', 1]]);
});

test("a user mapping's password", async () => {
  const recording = await recordingOf(
    "create user mapping for x server y options (user 'bob', passwd 'hunter3hunter3')",
    'create user mapping for x server y options (passwd $$hunter3hunter3$$)',
    "alter role nobody_x passwort 'hunter3hunter3'",
  );
  expect(recording.clear('client').toString('latin1')).not.toContain('hunter3');
});
