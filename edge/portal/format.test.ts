import { expect, test } from 'vitest';
import { answered } from './format.ts';

test('rows are counted once, and only where rows came back', () => {
  expect(answered(['SELECT 2'], 2)).toEqual(['SELECT', '2 rows']);
  expect(answered(['UPDATE 1'], 0)).toEqual(['UPDATE 1']);
  expect(answered(['BEGIN'], 0)).toEqual(['BEGIN']);
  expect(answered([], 40)).toEqual(['40 rows']);
});
