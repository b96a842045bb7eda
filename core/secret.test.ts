import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { secret } from './secret.ts';

describe('law 11: a secret', () => {
  const value = 'hunter2-hunter2';
  const held = secret(value);

  test.each([
    ['a template', () => `${held}`],
    ['concatenation', () => `password=${String(held)}`],
    ['JSON', () => JSON.stringify({ held, list: [held] })],
    ['inspection, as console.log prints it', () => inspect({ held }, { depth: 10, showHidden: true })],
    ['an error', () => String(new Error(`login failed for ${held}`))],
    ['spreading', () => JSON.stringify({ ...held })],
    ['enumeration', () => JSON.stringify(Object.entries(held))],
  ])('does not show in %s', (_, print) => {
    expect(print()).not.toContain('hunter2');
  });

  test('is given only when asked for by name', () => {
    expect(held.reveal()).toBe(value);
  });
});
