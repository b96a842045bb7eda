import { describe, expect, test } from 'vitest';
import { newId } from '../../core/ids.ts';
import { readMessage } from './read-message.ts';

const hello = (sessions: number) => ({
  kind: 'hello',
  connector: newId('con'),
  build: 'tests',
  resources: [],
  live: Array.from({ length: sessions }, () => newId('ses')),
});
const report = (message: string) => ({
  kind: 'report',
  seq: 1,
  report: {
    kind: 'session.ended',
    session: newId('ses'),
    reason: 'client_closed',
    message,
    at: '2026-11-20T10:00:01Z',
  },
});

describe('a message over a link', () => {
  test('is at most 256 KiB', () => {
    expect(readMessage(JSON.stringify(report('x'.repeat(200_000))))).toMatchObject({ kind: 'report' });
    expect(readMessage(JSON.stringify(report('x'.repeat(300_000))))).toBe('message too big');
    expect(readMessage('x'.repeat(300_000))).toBe('message too big');
  });

  test('that is a hello may list 28,000 sessions, and is at most 1 MB', () => {
    const many = hello(28_000);
    expect(readMessage(JSON.stringify(many))).toEqual({ ...many, understands: [] });
    expect(readMessage(JSON.stringify(hello(35_000)))).toBe('message too big');
  });
});
