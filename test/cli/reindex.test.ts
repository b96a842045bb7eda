// `gatehouse reindex`: what is sent, that it waits and tells, and how it ends where not all could be indexed.

import { expect, it } from 'vitest';
import { useFakeApi } from './fake-api.ts';

const { replies, seen, run } = useFakeApi();
const json = (text: string) => JSON.parse(text) as unknown;
const standing = (more: object) => ({
  reindex: {
    ...{ drop: false, step: 'indexing', startedAt: '2026-11-30T12:00:00.000Z', at: '2026-11-30T12:05:00.000Z' },
    ...{ dropped: 0, sessions: 3, objects: 9, failed: 0, failures: [], ...more },
  },
});

it('waits until it is done, and tells how far it is meanwhile', async () => {
  replies['POST /api/v1/reindex'] = { body: standing({ drop: true, step: 'dropping', dropped: 7 }) };
  const steps = [{ step: 'folding' }, { step: 'done', sessions: 4, objects: 12 }];
  replies['GET /api/v1/reindex'] = () => ({ body: standing({ drop: true, ...steps.shift() }) });
  const { code, stdout, stderr } = await run('reindex', '--drop');
  expect([code, json(seen[0]?.body ?? '')]).toEqual([0, { drop: true }]);
  expect(stderr).toMatch(/goes on by itself[\s\S]*7 rows[\s\S]*Folding into the search index: 3 sessions of 9 objects/);
  expect(stdout).toMatch(/^Made again from nothing, .*: 4 sessions of 12 objects\.\n$/);
});

it('prints as JSON what came of it, and fails where objects could not be indexed', async () => {
  const key = 'recordings/con_1/ses_1/00000003.seg\x1b[31m';
  const done = standing({ step: 'done', failed: 1, failures: [key] });
  replies['POST /api/v1/reindex'] = { body: done };
  const { code, stdout, stderr } = await run('reindex', '--json');
  expect([code, json(stdout)]).toEqual([1, done]);
  expect(stderr).toContain('not_whole');
  const plain = await run('reindex');
  expect(plain.stdout).toMatch(/1 objects could not be indexed\.\n {2}recordings\/con_1/);
  expect(plain.stdout).not.toContain('\x1b');
});

it('--status begins nothing', async () => {
  replies['GET /api/v1/reindex'] = { body: {} };
  expect((await run('reindex', '--status')).stdout).toBe('There never was one.\n');
  replies['GET /api/v1/reindex'] = { body: standing({}) };
  expect((await run('reindex', '--status')).stdout).toBe('Indexing: 3 sessions of 9 objects.\n');
  expect(seen.map(({ method }) => method)).toEqual(['GET', 'GET']);
  expect((await run('reindex', '--status', '--drop')).code).toBe(2);
});

it.each([
  ['sessions', { sessions: [], incomplete: true }],
  ['search', { hits: [], incomplete: true }],
])('%s says that something may be missing meanwhile', async (name, page) => {
  replies[`GET /api/v1/${name}`] = { body: page };
  expect((await run(name, ...(name === 'search' ? ['drop'] : []))).stdout).toContain('something may be missing here');
});
