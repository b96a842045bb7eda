import { expect, test } from 'vitest';
import { z } from 'zod';
import { NO_FORM_FITS } from './schema-words.ts';

test.each<[z.ZodType, unknown, string]>([
  [z.string(), 1, 'expected text'],
  [z.string(), undefined, 'is missing'],
  [z.enum(['a', 'b']), undefined, 'is missing'],
  [z.number(), '1', 'expected a number'],
  [z.number().int(), 1.5, 'expected a whole number'],
  [z.boolean(), 'yes', 'expected true or false'],
  [z.array(z.string()), 'x', 'expected a list'],
  [z.object({}), 'x', 'expected keys with values'],
  [z.record(z.string(), z.string()), 'x', 'expected keys with values'],
  [z.enum(['allow', 'block', 'hold']), 'blok', 'expected allow, block or hold'],
  [z.literal('deny'), 'x', 'expected deny'],
  [z.string().min(1), '', 'expected at least 1 character'],
  [z.string().max(3), 'long', 'expected at most 3 characters'],
  [z.array(z.string()).min(2), ['x'], 'expected at least 2 entries'],
  [z.number().min(1), 0, 'expected at least 1'],
  [z.number().positive(), 0, 'expected more than 0'],
  [z.number().max(9), 10, 'expected at most 9'],
  [z.iso.datetime(), 'yesterday', 'expected an instant such as 2026-11-20T09:00:00Z'],
  [z.email(), 'x', 'expected an e-mail address'],
  [z.string().regex(/^a$/), 'x', 'is not in the form that is expected here'],
  [z.strictObject({}), { odd: 1 }, '"odd" is not known here'],
  [z.union([z.string(), z.number()]), true, NO_FORM_FITS],
  [z.string('expected a name'), 1, 'expected a name'],
])('%$ says what was expected', (schema, value, words) => {
  expect(schema.safeParse(value).error?.issues.map(({ message }) => message)).toEqual([words]);
});

test('a wrong value is never repeated', () => {
  const wrong = z.strictObject({ a: z.enum(['x', 'y']), b: z.number() }).safeParse({ a: 'hunter2', b: 'hunter2' });
  expect(JSON.stringify(wrong.error?.issues.map(({ message }) => message))).not.toContain('hunter2');
});
