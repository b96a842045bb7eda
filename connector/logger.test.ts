import { expect, test } from 'vitest';
import { secret } from '../core/secret.ts';
import { createLogger, describeBug } from './logger.ts';

test('writes one JSON line an event, at or above its level', () => {
  const lines: string[] = [];
  const log = createLogger((line) => lines.push(line), { level: 'info', now: () => 0 });
  log.debug('too.small');
  log.warn('link.down', { message: 'two\nlines', retryInMs: 5 });
  expect(lines).toEqual([
    '{"time":"1970-01-01T00:00:00.000Z","level":"warn","event":"link.down","message":"two\\nlines","retryInMs":5}\n',
  ]);
});

test('law 11: a secret does not fit a field, and would show nothing if it did', () => {
  const lines: string[] = [];
  const log = createLogger((line) => lines.push(line));
  // @ts-expect-error a Secret is no LogValue
  log.info('credential.fetched', { value: secret('hunter2') });
  expect(lines.join('')).toContain('[secret]');
  expect(lines.join('')).not.toContain('hunter2');
});

test('law 11: an unforeseen error is told by kind and place, not by its words', () => {
  const told = describeBug(new TypeError('cannot parse "hunter2"'));
  expect(told).toMatch(/^TypeError at .*logger\.test\.ts/);
  expect(told).not.toContain('hunter2');
  expect(describeBug(new Error('quoted:\n    at hunter2 (x)\n  at hunter2'))).not.toContain('hunter2');
  expect(describeBug('hunter2')).toBe('a thrown string');
});
