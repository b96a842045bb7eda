import { expect, test } from 'vitest';
import { readErrorFields } from './messages.ts';
import { farewellMessage, noticeResponse, statementRefused } from './refusals.ts';

// What people write as a reason or a comment is read by others in a terminal.
const HOSTILE = 'no\0C00000\x1b[2J\x9b1m\u202egnp.exe\u2066\ttab\nGrüße';
const SHOWN = 'noC00000?[2J?1m?gnp.exe?\ttab\nGrüße';

test.each([
  ['a refusal', (text: string) => statementRefused({ reason: 'hold_denied', message: text, hint: text }, 'UTF8')],
  ['a farewell', (text: string) => farewellMessage('grant_revoked', text, 'UTF8')],
  ['a notice', (text: string) => noticeResponse('NOTICE', text, text, 'UTF8')],
])('%s drives no terminal, and stays one message', (_what, messageOf) => {
  const message = messageOf(HOSTILE);
  expect(readErrorFields(message, 5)).toMatchObject({ message: `Gatehouse: ${SHOWN}` });
  expect(message.readUInt32BE(1)).toBe(message.length - 1);
  // As many fields as one without them.
  const nulsIn = (bytes: Buffer): number => bytes.subarray(5).filter((byte) => byte === 0).length;
  expect(nulsIn(message)).toBe(nulsIn(messageOf('plain')));
});
