// Text by client_encoding, for facts. The bytes that go on are never touched by it.

import { clientEncoding } from '../../../../core/text/client-encoding.ts';

export type ReadText = (bytes: Buffer, start: number, end: number) => string;

const readUtf8: ReadText = (bytes, start, end) => bytes.toString('utf8', start, end);

/** Never throws: bytes that are no text of the encoding become U+FFFD, and all beyond ASCII of an encoding that nobody knows. */
export function textReader(name: string): ReadText {
  if (name === 'UTF8' || name === 'SQL_ASCII') return readUtf8;
  const encoding = clientEncoding(name);
  return (bytes, start, end) => encoding.decode(bytes.subarray(start, end));
}

/** Encodings whose second bytes reach into ASCII: there a found value could begin inside a letter. */
export const UNSAFE_ENCODINGS: ReadonlySet<string> = new Set([
  'SJIS',
  'SHIFT_JIS_2004',
  'BIG5',
  'GBK',
  'UHC',
  'GB18030',
  'JOHAB',
]);
