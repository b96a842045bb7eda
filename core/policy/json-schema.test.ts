import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { policyJsonSchema, undescribed } from './json-schema.ts';

test('docs/policy.schema.json is current: gatehouse policy schema > docs/policy.schema.json', () => {
  const committed = readFileSync(resolve(import.meta.dirname, '../../docs/policy.schema.json'), 'utf8');
  expect(JSON.parse(committed)).toEqual(policyJsonSchema());
});

test('an editor says of every field what it is for', () => {
  expect(undescribed(policyJsonSchema())).toEqual([]);
});

test('it takes durations as authors write them, and refuses keys that it does not know', () => {
  const text = JSON.stringify(policyJsonSchema());
  expect(text).toContain('"ttl":{"type":"string","pattern":"^[1-9]');
  expect(policyJsonSchema()).toMatchObject({ additionalProperties: false, required: ['administrators', 'rules'] });
});
