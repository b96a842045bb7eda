// From recorded segments to hits, through the functions as `npm start` runs them: what every protocol records is found, before the
// fold and after it, and after a restart.

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type SearchHit, SearchPage } from '../../core/search/page.ts';
import { secret } from '../../core/secret.ts';
import { type LocalDynamoDb, type LocalFunctions, startFunctions, startLocalDynamoDb } from '../../functions/local.ts';
import { answer, eventOf, RecordingBuilder } from '../harness/recording-builder.ts';

const TOKEN = 'a token of the test';
let directory: string;
let database: LocalDynamoDb;
let functions: LocalFunctions;
const searched = () => join(directory, 'objects-search');

const start = (foldEveryMs: number) =>
  startFunctions({
    port: 0,
    objectsDirectory: join(directory, 'objects'),
    dynamoEndpoint: database.endpoint,
    token: secret(TOKEN),
    report: () => {},
    foldEveryMs,
  });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-found-'));
  database = await startLocalDynamoDb({ path: join(directory, 'dynamodb') });
  // Later than the test takes.
  functions = await start(3_600_000);
});
afterAll(async () => {
  await functions?.close();
  await database?.close();
  await rm(directory, { recursive: true, force: true });
});

const post = (path: string, body: unknown) =>
  fetch(functions.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify(body),
  });

async function search(q: string): Promise<SearchHit[]> {
  const view = { rules: 'all', own: { subject: '', forbiddenBy: [] } };
  const response = await post('/search', { q, view, limit: 20 });
  expect(response.status).toBe(200);
  return SearchPage.parse(await response.json()).hits;
}

const database1 = new RecordingBuilder({ email: 'alice@example.com', task: 'OPS-7' })
  .wait(4_000_000)
  .query('select name from customers', answer(['name'], [['Ada']]))
  .fact({ kind: 'notice.received', severity: 'WARNING', code: '01000', message: 'there is no transaction in progress' })
  .cut()
  .query('drop table "orderItems"', answer([], []), {
    error: { code: '42P01', severity: 'ERROR', message: 'table "orderItems" does not exist' },
  })
  .fact({ kind: 'action.refused', action: 2, reason: 'blocked', message: 'no drops here', rule: 'demo' })
  .fact({
    ...{ kind: 'statement.started', action: 3, form: 'extended', text: 'update customers set note = $1' },
    parameters: [{ type: 25, format: 'text', value: 'parcel 東京' }],
    at: { direction: 'client', lane: 0, offset: 0, length: 0 },
  })
  .cut()
  .fact({ kind: 'statement.finished', action: 3, tags: ['UPDATE 4321'], rows: 4321, bytes: 0, durationUs: 9_000_000 })
  .end();

const shell = new RecordingBuilder({ email: 'bob@example.com', protocol: 'ssh' })
  .fact({ kind: 'lane.opened', lane: 1, of: 'exec', label: 'exec' }, 1)
  .fact({ kind: 'command.started', action: 1, form: 'exec', command: 'tail -f /var/log/nginx/access.log' }, 1)
  .fact({ kind: 'command.finished', action: 1, exit: 130, durationUs: 7 }, 1)
  .fact({ kind: 'lane.opened', lane: 2, of: 'direct-tcpip', label: 'forward to db.internal:5432' }, 2)
  .fact({ kind: 'lane.opened', lane: 3, of: 'sftp', label: 'sftp' }, 3)
  .fact({ kind: 'file.accessed', action: 2, operation: 'open', path: '/srv/backup/dump.sql', durationUs: 3 }, 3)
  .fact(
    {
      kind: 'file.transferred',
      action: 2,
      path: '/srv/backup/dump.sql',
      direction: 'download',
      size: 9,
      durationUs: 2_000_000,
    },
    3,
  )
  .fact({ kind: 'command.typed', action: 4, line: 'sudo systemctl stop auditd', reconstructed: true }, 1)
  .fact({ kind: 'action.refused', reason: 'blocked', message: 'Forwards to vault:8200 are blocked.' }, 0)
  .fact(
    {
      kind: 'exchange.started',
      action: 3,
      method: 'GET',
      url: 'https://shop.internal/orders?page=2',
      at: { direction: 'client', lane: 4, offset: 0, length: 0 },
    },
    4,
  )
  .fact({ kind: 'exchange.finished', action: 3, status: 503, bytes: 0, durationUs: 4 }, 4)
  .end();

const FOUND: readonly (readonly [string, RecordingBuilder, Partial<SearchHit>])[] = [
  ['customers select', database1, { kind: 'statement', action: 1, moment: 4 }],
  ['"no transaction"', database1, { kind: 'notice', outcome: 'WARNING' }],
  ['orderitems drop', database1, { action: 2, verdict: 'refused', outcome: 'ERROR 42P01' }],
  ['error:42p01', database1, { action: 2 }],
  ['"does not exist"', database1, { action: 2 }],
  ['verdict:refused drop', database1, { action: 2 }],
  ['京 parcel', database1, { action: 3 }],
  ['rows:>4000', database1, { action: 3, rows: 4321, outcome: 'UPDATE 4321' }],
  ['duration:>5s', database1, { action: 3, durationUs: 9_000_000 }],
  ['task:ops-7 table:customers update', database1, { action: 3 }],
  ['access.log nginx', shell, { kind: 'command', action: 1, outcome: 'exit 130', lane: 1 }],
  ['error:130', shell, { action: 1 }],
  ['db.internal:5432'.replace(':', ' '), shell, { kind: 'lane', lane: 2 }],
  ['/srv/backup/dump.sql', shell, { kind: 'file', action: 2, durationUs: 2_000_000 }],
  ['vault', shell, { kind: 'notice', verdict: 'refused' }],
  ['protocol:ssh shop.internal', shell, { kind: 'exchange', action: 3 }],
  ['error:503', shell, { action: 3 }],
  ['"stop auditd"', shell, { kind: 'command', action: 4, outcome: 'typed' }],
];

const findsAll = async () => {
  for (const [q, { session }, hit] of FOUND) {
    const hits = await search(q);
    expect([q, hits]).toEqual([q, [expect.objectContaining({ session, ...hit })]]);
  }
};

it('finds what was recorded as soon as it is indexed, whatever order events come in', async () => {
  for (const builder of [database1, shell]) {
    await builder.writeTo(join(directory, 'objects'));
    const keys = [...builder.objects.keys()];
    // Twice, and backwards.
    for (const order of [keys.toReversed(), keys]) expect((await post('/events', eventOf(...order))).status).toBe(204);
  }
  await findsAll();
});

it('finds the same once it is folded, also after a restart', async () => {
  await functions.close();
  functions = await start(1);
  await expect.poll(() => readdir(join(searched(), 'search')).catch(() => []), { timeout: 20_000 }).toHaveLength(1);
  await functions.close();
  functions = await start(3_600_000);
  await findsAll();
});

it('is deaf to what is no question', async () => {
  const view = { rules: 'all', own: { subject: '', forbiddenBy: [] } };
  expect((await post('/search', { q: 'a' })).status).toBe(400);
  expect((await post('/search', { q: 'usr:x', view, limit: 5 })).status).toBe(400);
  expect((await post('/search', { q: 'a', view, limit: 5, cursor: 'x' })).status).toBe(400);
  expect((await post('/search', { q: 'x'.repeat(300_000), view })).status).toBe(413);
});
