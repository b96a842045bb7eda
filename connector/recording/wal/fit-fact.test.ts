import { expect, it } from 'vitest';
import type { Fact } from '../../../core/recording/facts/fact.ts';
import { MAX_FRAME_BODY_BYTES } from '../../../core/recording/frame.ts';
import { fitFact } from './fit-fact.ts';

const long = 'ü'.repeat(600_000);
const at = { direction: 'client' as const, lane: 1, offset: 0, length: 1_200_000 };

it.each<[Fact, object]>([
  [{ kind: 'command.started', action: 1, form: 'exec', command: long }, { commandBytes: 1_200_000 }],
  [{ kind: 'command.started', action: 1, form: 'exec', command: long, commandBytes: 9e6 }, { commandBytes: 9e6 }],
  [{ kind: 'exchange.started', action: 1, method: 'GET', url: long, at }, { urlBytes: 1_200_000 }],
  [{ kind: 'action.refused', action: 1, reason: 'blocked', message: long }, { reason: 'blocked' }],
])('a fact that is longer than a frame is cut, and says how long it was (%#)', (fact, told) => {
  const text = fitFact(fact);
  expect(Buffer.byteLength(text)).toBeLessThan(MAX_FRAME_BODY_BYTES);
  expect(JSON.parse(text)).toMatchObject({ kind: fact.kind, ...told });
});

it('any other is written as it is', () => {
  const fact: Fact = { kind: 'file.transferred', action: 2, path: '/tmp/a', direction: 'upload', size: 3 };
  expect(fitFact(fact)).toBe(JSON.stringify(fact));
});
