import { runInDurableObject, SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import type { AuditLog } from '../objects/audit-log.ts';
import { EDGE } from '../test/browser.ts';
import { audit } from '../test/grants.ts';
import { CountedEvents, INTERVAL_MS, MAX_DISTINCT } from './counted-events.ts';

const failed = (reason: string, address: string) => ({
  kind: 'identity.sign_in_failed' as const,
  actor: 'gatehouse',
  object: 'portal',
  details: { reason, address },
});

test('a flood is a bounded number of entries, and every event is counted', async () => {
  await runInDurableObject(env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName('flood')), (_: AuditLog, state) => {
    const counts = new CountedEvents(state.storage.sql);
    const began = Date.now();
    const written = [];
    for (let number = 0; number < 5_000; number++)
      written.push(...counts.take(failed('state_wrong', `192.0.2.${number % 250}`), began + number));
    expect(written).toHaveLength(MAX_DISTINCT);
    expect(counts.over(began + INTERVAL_MS - 1)).toEqual([]);
    expect(counts.nextMs()).toBe(began + INTERVAL_MS);
    const summaries = counts.over(began + INTERVAL_MS + 5_000);
    expect(summaries).toHaveLength(MAX_DISTINCT + 1);
    const more = summaries.reduce((sum, { details }) => sum + Number(details.more), 0);
    expect(more + written.length).toBe(5_000);
    expect(summaries[0]?.details).toMatchObject({ reason: 'state_wrong', address: '192.0.2.0', more: 19 });
    expect(counts.nextMs()).toBeUndefined();
    expect(counts.take(failed('state_wrong', '192.0.2.1'), began + 2 * INTERVAL_MS)).toHaveLength(1);
  });
});

test('nobody fills the log at /login/callback or on the connectors’ link', async () => {
  const before = (await audit.list({ limit: 1 })).entries[0]?.sequence ?? 0;
  for (let number = 0; number < 60; number++) {
    await (await SELF.fetch(`${EDGE}/login/callback?state=x`)).text();
    await SELF.fetch(`${EDGE}/connectors/link`, { headers: { upgrade: 'websocket', authorization: 'Bearer a.b.c' } });
  }
  expect((await audit.list({ limit: 1 })).entries[0]?.sequence).toBe(before + 2);
});
