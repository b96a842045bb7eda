import { expect, test } from 'vitest';
import { z } from 'zod';
import { keysAt } from './known-keys.ts';

const schema = z.strictObject({
  rules: z.array(z.union([z.strictObject({ block: z.string() }), z.strictObject({ hold: z.string() })])).default([]),
  groups: z.record(z.string(), z.strictObject({ of: z.string() })).optional(),
  odd: z.preprocess((value) => value, z.strictObject({ inner: z.number() })),
});

test.each([
  [[], ['rules', 'groups', 'odd']],
  [
    ['rules', 3],
    ['block', 'hold'],
  ],
  [['groups', 'dba'], ['of']],
  [['odd'], ['inner']],
  [['odd', 'inner'], []],
  [['nowhere', 'else'], []],
])('at %j: %j', (path, expected) => expect(keysAt(schema, path)).toEqual(expected));
