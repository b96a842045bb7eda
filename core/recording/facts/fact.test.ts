import { describe, expect, it } from 'vitest';
import { newId } from '../../ids.ts';
import { EarlierFact, FACT_KINDS, Fact, hasEarlierForm } from './fact.ts';

const at = { direction: 'client' as const, lane: 3, offset: 0, length: 9 };
const digest = 'ab'.repeat(32);
const request = newId('req');

/** One of each that no session of PostgreSQL writes, as small and as large as it gets. */
const OTHERS: readonly Fact[] = [
  { kind: 'connection.joined', connection: 2, client: { address: '10.0.0.1' }, details: {} },
  { kind: 'connection.left', connection: 1 },
  { kind: 'lane.opened', lane: 1, of: 'exec', label: 'exec' },
  { kind: 'lane.opened', lane: 2, of: 'exchange', label: 'GET /', connection: 2 },
  { kind: 'lane.closed', lane: 1, recorded: 'full' },
  { kind: 'lane.closed', lane: 0, recorded: 'partial', note: 'what is forwarded is not recorded' },
  { kind: 'command.started', action: 1, form: 'exec', command: 'ls -la' },
  { kind: 'command.started', action: 2, form: 'shell', command: '', commandBytes: 20_000, at },
  { kind: 'command.finished', action: 1, durationUs: 9 },
  { kind: 'command.finished', action: 1, exit: 255, durationUs: 9 },
  { kind: 'command.finished', action: 2, signal: 'KILL', durationUs: 9 },
  { kind: 'terminal.resized', columns: 80, rows: 0 },
  { kind: 'file.transferred', action: 3, path: '/etc/motd', direction: 'download', size: 0 },
  { kind: 'file.transferred', action: 3, path: 'a b', direction: 'upload', size: 5_000_000_000, sha256: digest },
  {
    ...{
      kind: 'file.transferred',
      action: 3,
      path: '\ufffd',
      pathBase64: '/w==',
      direction: 'upload',
      size: 5,
      offset: 2,
    },
    ...{ partial: ['beginning_missing', 'not_truncated'], durationUs: 4 },
  },
  { kind: 'file.accessed', action: 4, operation: 'remove', path: '/etc/motd', durationUs: 0 },
  {
    kind: 'file.accessed',
    action: 4,
    operation: 'rename',
    path: 'a',
    to: 'b',
    toBytes: 9,
    unanswered: true,
    durationUs: 0,
  },
  {
    ...{ kind: 'file.accessed', action: 4, operation: 'set_attributes', path: '', durationUs: 7 },
    ...{ attributes: { size: 0, uid: 0, gid: 0, permissions: 0o100644, accessed: 1, modified: 2 } },
    error: { code: 3, message: 'Permission denied' },
  },
  { kind: 'exchange.started', action: 4, method: 'GET', url: 'https://shop.internal/orders?page=2', at },
  { kind: 'exchange.finished', action: 4, status: 200, bytes: 0, durationUs: 12, at },
  { kind: 'exchange.finished', action: 4, bytes: 0, durationUs: 12 },
];

describe('a fact', () => {
  it.each(OTHERS)('%j is read as it was written', (fact) => {
    expect(Fact.parse(JSON.parse(JSON.stringify(fact)))).toEqual(fact);
  });

  it.each([
    { kind: 'connection.joined', connection: 1, client: { address: '10.0.0.1' }, details: {} },
    { kind: 'connection.left', connection: 0 },
    { kind: 'lane.opened', lane: 0, of: 'shell', label: '' },
    { kind: 'lane.closed', lane: 1 },
    { kind: 'lane.closed', lane: -1, recorded: 'full' },
    { kind: 'command.started', form: 'exec', command: 'ls' },
    { kind: 'command.started', action: 0, form: 'exec', command: 'ls' },
    { kind: 'command.finished', action: 1, exit: 1.5, durationUs: 1 },
    { kind: 'terminal.resized', columns: 80 },
    { kind: 'file.transferred', action: 1, path: '/', direction: 'up', size: 1 },
    { kind: 'file.transferred', action: 1, path: '/', direction: 'upload', size: 1, sha256: 'ab' },
    { kind: 'file.transferred', action: 1, path: '/', direction: 'upload', size: 1, partial: [] },
    { kind: 'file.accessed', action: 1, operation: 'delete', path: '/', durationUs: 0 },
    { kind: 'exchange.started', action: 1, method: 'GET', url: 'https://a/' },
    { kind: 'exchange.finished', action: 1, status: 20, bytes: 0, durationUs: 1 },
  ])('%j is none', (fact) => {
    expect(Fact.safeParse(fact).success).toBe(false);
  });

  it('of format version 1 has its action’s number as `statement`', () => {
    const held = { kind: 'action.held', request, digest, rule: 'orders', policyVersion: 3 };
    expect(EarlierFact.parse({ ...held, statement: 7 })).toEqual({ ...held, action: 7 });
    const finished = { kind: 'statement.finished', tags: ['SELECT 1'], rows: 1, bytes: 9, durationUs: 4 };
    expect(EarlierFact.parse({ ...finished, statement: 2 })).toEqual({ ...finished, action: 2 });
    expect(Fact.safeParse({ ...finished, statement: 2 }).success).toBe(false);
    // About no numbered action, then as now.
    expect(EarlierFact.parse(held)).toEqual(held);
    expect(EarlierFact.safeParse(finished).success).toBe(false);
    const forms = [{ ...held, statement: 7 }, held, { ...held, action: 7 }, { ...held, action: 7, statement: 7 }, null];
    expect(forms.map(hasEarlierForm)).toEqual([true, false, false, false, false]);
  });

  it('has one kind only, which readers tell from what they do not know', () => {
    expect(FACT_KINDS.size).toBe(29);
    for (const { kind } of OTHERS) expect(FACT_KINDS).toContain(kind);
  });
});
