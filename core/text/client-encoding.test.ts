import { expect, it } from 'vitest';
import { clientEncoding } from './client-encoding.ts';

// Each as PostgreSQL 15 converts it.
it.each([
  ['UTF8', 'caf\u00e9 \ufeff', '636166c3a920efbbbf'],
  ['SQL_ASCII', 'é', 'c3a9'],
  ['LATIN1', 'é\u0085', 'e985'],
  ['LATIN5', 'ğ\u0085', 'f085'],
  ['LATIN7', 'ž', 'fe'],
  ['LATIN9', '€', 'a4'],
  ['WIN1252', '€é', '80e9'],
  ['WIN1251', 'Ж', 'c6'],
  ['WIN866', 'Ж', '86'],
  ['KOI8R', 'Ж', 'f6'],
  ['EUC_JP', '日本', 'c6fccbdc'],
  ['SJIS', '日本', '93fa967b'],
  ['BIG5', '日本', 'a4e9a5bb'],
  ['GBK', '日本', 'c8d5b1be'],
  ['GB18030', '日本😀', 'c8d5b1be9439fc36'],
  ['UHC', '한', 'c7d1'],
  ['EUC_KR', '한', 'c7d1'],
])('%s is read as %s', (name, text, hex) => {
  const encoding = clientEncoding(name);
  expect([encoding.decodable, encoding.decode(Buffer.from(hex, 'hex'))]).toEqual([true, text]);
});

it.each(['MULE_INTERNAL', 'JOHAB', 'EUC_TW', 'EUC_JIS_2004', 'SHIFT_JIS_2004', 'MADE_UP', 'utf-16le', 'constructor'])(
  '%s is not made up',
  (name) => {
    const encoding = clientEncoding(name);
    expect([encoding.decodable, encoding.decode(Buffer.from('41c3a942', 'hex'))]).toEqual([false, 'A\ufffd\ufffdB']);
  },
);
