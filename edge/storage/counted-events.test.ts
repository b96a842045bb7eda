import { runInDurableObject, SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import type { AuditLog } from '../objects/audit/audit-log.ts';
import { EDGE } from '../test/browser.ts';
import { audit } from '../test/grants.ts';
import { CountedEvents, INTERVAL_MS, MAX_DISTINCT, type Taken } from './counted-events.ts';

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
    const settled = ({ due, settle }: Taken) => {
      settle();
      return due;
    };
    const written = [];
    for (let number = 0; number < 5_000; number++)
      written.push(...settled(counts.take(failed('state_wrong', `192.0.2.${number % 250}`), began + number)));
    expect(written).toHaveLength(MAX_DISTINCT);
    expect(counts.over(began + INTERVAL_MS - 1).due).toEqual([]);
    expect(counts.nextMs()).toBe(began + INTERVAL_MS);
    const summaries = settled(counts.over(began + INTERVAL_MS + 5_000));
    expect(summaries).toHaveLength(MAX_DISTINCT + 1);
    const more = summaries.reduce((sum, { details }) => sum + Number(details.more), 0);
    expect(more + written.length).toBe(5_000);
    expect(summaries[0]?.details).toMatchObject({ reason: 'state_wrong', address: '192.0.2.0', more: 19 });
    expect(counts.nextMs()).toBeUndefined();
    expect(counts.take(failed('state_wrong', '192.0.2.1'), began + 2 * INTERVAL_MS).due).toHaveLength(1);
  });
});

test('a look that goes on is one entry and a count, and each first look is an entry however many there are', async () => {
  await runInDurableObject(env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName('looks')), (_: AuditLog, state) => {
    const counts = new CountedEvents(state.storage.sql);
    const began = Date.now();
    const look = (object: string, shown: string, at: number) => {
      const event = { kind: 'session.verified' as const, actor: 'carol@example.com', object, details: { part: shown } };
      const { due, settle } = counts.takeLook(event, shown, at);
      settle();
      return due;
    };
    const written = [];
    for (let session = 0; session < 3 * MAX_DISTINCT; session++)
      for (let times = 0; times < 10; times++) written.push(...look(`ses_${session}`, 'objects', began + times));
    expect(written).toHaveLength(3 * MAX_DISTINCT);
    expect(look('ses_0', 'witness', began)).toHaveLength(1);
    // An interval later the same is a look of its own, behind what the one before comes to.
    const next = look('ses_0', 'objects', began + INTERVAL_MS);
    expect(next).toHaveLength(3 * MAX_DISTINCT + 1);
    expect(next.filter(({ details }) => details.more === 9)).toHaveLength(3 * MAX_DISTINCT);
    expect(next.at(-1)).toMatchObject({ object: 'ses_0', details: { part: 'objects' } });
    expect(next.at(-1)?.details).not.toHaveProperty('more');
  });
});

test('what could not be written is not counted as written', async () => {
  await runInDurableObject(env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName('failing')), async (log: AuditLog, state) => {
    const { sql } = state.storage;
    const event = { kind: 'session.viewed' as const, actor: 'carol@example.com', object: 'ses_1', details: {} };
    sql.exec(`CREATE TRIGGER away BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'disk full'); END`);
    for (let times = 0; times < 2; times++) await expect(log.appendLook(event, 'replay')).rejects.toThrow('disk full');
    sql.exec('DROP TRIGGER away');
    await log.appendLook(event, 'replay');
    expect((await log.list({ limit: 5 })).entries).toHaveLength(1);
    // Looks at one time are one look.
    await Promise.all(Array.from({ length: 5 }, () => log.appendLook({ ...event, object: 'ses_2' }, 'replay')));
    expect((await log.list({ limit: 5 })).entries.map(({ object }) => object)).toEqual(['ses_2', 'ses_1']);
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
