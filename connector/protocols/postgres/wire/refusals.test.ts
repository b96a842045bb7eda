import { expect, test } from 'vitest';
import { readErrorFields } from './messages.ts';
import { farewellMessage, noticeResponse, refusalMessage, statementRefused } from './refusals.ts';

const WRITTEN = 'revoked: \u001b[2J\u202eok\nask dba\0';
const SHOWN = 'Gatehouse: revoked: \\x1b[2J\\u202eok\nask dba\\x00';

test.each([
  ['a refused login', refusalMessage({ reason: 'policy_denied', message: WRITTEN })],
  ['the end of a session', farewellMessage('grant_revoked', WRITTEN, 'UTF8')],
  ['a refused statement', statementRefused({ reason: 'hold_denied', message: WRITTEN }, 'UTF8')],
  ['a warning', noticeResponse('WARNING', WRITTEN, undefined, 'UTF8')],
])('what people wrote moves no cursor, in %s', (_, sent) => {
  expect(readErrorFields(sent.subarray(5)).message).toBe(SHOWN);
});

test('a client of another encoding gets what all encodings share', () => {
  const sent = statementRefused({ reason: 'hold_denied', message: 'später' }, 'LATIN1');
  expect(readErrorFields(sent.subarray(5)).message).toBe('Gatehouse: sp?ter');
});
