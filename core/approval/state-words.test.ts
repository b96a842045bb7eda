import { expect, it } from 'vitest';
import { ApprovalState, isOver } from './approval.ts';
import { HeldKind } from './held-action.ts';
import { requestOutcome } from './outcome.ts';
import { requestWords, termWords } from './state-words.ts';

const KINDS = ['access', ...HeldKind.options] as const;
const PRESENT = /\b(?:asks|waits|waiting|needs|wants|may|is)\b/;

it.each(KINDS)('a request (%s) that is over is told of in the past, one that is not in the present', (kind) => {
  for (const state of ApprovalState.options) {
    const { state: word, did } = requestWords({ kind, state });
    expect(PRESENT.test(`${word} ${did}`), `${kind} ${state}: ${did}`).toBe(!isOver(state));
  }
});

it('says what was done, by the kind of it', () => {
  expect(requestWords({ kind: 'statement', state: 'claimed' }).did).toBe('ran a statement on');
  expect(requestWords({ kind: 'forward', state: 'claimed' })).toEqual({ state: 'opened', did: 'opened a forward on' });
  expect(requestWords({ kind: 'access', state: 'claimed' }).did).toBe('was given access to');
  expect(requestWords({ kind: 'access', state: 'claimed', breakGlass: {} }).state).toBe('glass broken');
  expect(requestWords({ kind: 'access', state: 'claimed', breakGlass: { review: {} } }).state).toBe(
    'glass broken, reviewed',
  );
});

it('says when a request ended, by whom, and what they said', () => {
  const asked = { askedAt: 'T0', votes: [] };
  const vote = { email: 'bob', at: 'T1', comment: 'go' };
  expect(requestOutcome({ ...asked, ended: { at: 'T2', by: 'gatehouse', reason: 'not in time' } })).toEqual({
    ...{ at: 'T2', by: [], why: 'not in time' },
  });
  expect(requestOutcome({ ...asked, votes: [{ ...vote, email: 'carol', at: 'T0' }, vote] })).toEqual({
    ...{ at: 'T1', by: ['carol', 'bob'], why: 'go' },
  });
  expect(requestOutcome({ ...asked, votes: [vote], ended: { at: 'T3', by: 'alice', reason: '' } }).by).toEqual([
    'alice',
  ]);
  expect(requestOutcome({ ...asked, breakGlass: { review: vote } })).toEqual({ at: 'T1', by: ['bob'], why: 'go' });
});

it.each([
  ['access', 'pending', { name: 'for how long', value: '1 h, from the approval on' }],
  ['access', 'claimed', { name: 'for how long', value: '1 h, from the approval on' }],
  ['access', 'denied', { name: 'asked for', value: '1 h' }],
  ['access', 'expired', { name: 'asked for', value: '1 h' }],
  ['statement', 'pending', { name: 'goes on within', value: '1 h, from the approval on' }],
  ['statement', 'claimed', undefined],
  ['statement', 'denied', undefined],
  ['command', 'expired', undefined],
] as const)('how long %s that is %s is good for', (kind, state, expected) => {
  expect(termWords({ kind, state, workSeconds: 3600 })).toEqual(expected);
});

it('a broken glass waited for no approval', () => {
  expect(termWords({ kind: 'access', state: 'claimed', breakGlass: {}, workSeconds: 900 })?.value).toBe(
    '15 min, from then on',
  );
});
