// What connectors say of their targets, as the list of resources shows it.

import { expect, test } from 'vitest';
import type { ListedResource } from '../../core/api.ts';
import { ResourceName } from '../../core/resource.ts';
import { resource, TestConnector, type TestLink } from '../test/connector.ts';
import { callerAs } from '../test/people.ts';

const FAULT = 'The database is not reachable (ECONNREFUSED).';

test('is the newest word of the connector that serves it, and of nobody else', async () => {
  const alice = await callerAs('alice');
  const targets = async () => {
    const { resources } = await (await alice.get('/resources')).json<{ resources: ListedResource[] }>();
    return Object.fromEntries(resources.map(({ name, target }) => [name, target]));
  };
  const say = async (link: TestLink, at: string, faults: Record<string, string | undefined>) => {
    const seen = Object.entries(faults).map(([name, fault]) => ({
      resource: ResourceName.parse(name),
      at: `2026-11-20T${at}:00.000Z`,
      ...(fault !== undefined && { fault }),
    }));
    link.send({ kind: 'targets.seen', targets: seen });
    // Answered behind it.
    await link.lookUp('alice@example.com', 'seen-a');
  };
  const connector = await TestConnector.join('watcher');
  const own = [resource('seen-a'), resource('seen-b')];
  const link = await connector.link(own);
  const other = await (await TestConnector.join('other')).link([resource('seen-c')]);
  expect(await targets()).toEqual({ 'seen-a': undefined, 'seen-b': undefined, 'seen-c': undefined });

  await say(link, '12:00', { 'seen-a': FAULT, 'seen-b': undefined, 'seen-c': FAULT, nowhere: FAULT });
  await say(other, '12:01', { 'seen-a': undefined });
  const a = { at: '2026-11-20T12:00:00.000Z', fault: FAULT };
  const b = { at: '2026-11-20T12:00:00.000Z' };
  await expect.poll(targets).toEqual({ 'seen-a': a, 'seen-b': b, 'seen-c': undefined });
  await say(link, '12:03', { 'seen-a': undefined });
  await expect.poll(targets).toMatchObject({ 'seen-a': { at: '2026-11-20T12:03:00.000Z' }, 'seen-b': b });
  expect((await targets())['seen-a']).not.toHaveProperty('fault');

  const before = Date.now();
  link.send({
    kind: 'targets.seen',
    targets: [{ resource: ResourceName.parse('seen-b'), at: '9999-12-31T23:59:59Z' }],
  });
  await expect.poll(async () => Date.parse((await targets())['seen-b']?.at ?? '')).toBeGreaterThanOrEqual(before);
  expect(Date.parse((await targets())['seen-b']?.at ?? '')).toBeLessThanOrEqual(Date.now());

  // Known through a reconnect; forgotten with the resource, which may be another one when the name comes back.
  await connector.link([own[0] ?? resource('seen-a')]);
  expect(await targets()).toMatchObject({ 'seen-a': { at: '2026-11-20T12:03:00.000Z' } });
  await connector.link(own);
  expect(await targets()).toMatchObject({ 'seen-a': { at: '2026-11-20T12:03:00.000Z' }, 'seen-b': undefined });
});
