// International bank account numbers (ISO 13616): country, check digits, the country's length,
// remainder 1 by 97. In one piece or in groups of four, parted by blanks or dashes. Upper case, as the standard writes them.

import { ALNUM, CLASS, DIGIT, isAt, isOf, UPPER } from '../byte-classes.ts';
import type { Detector } from '../detector.ts';

/** Lengths from the SWIFT registry. */
const LENGTHS: ReadonlyMap<string, number> = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 ' +
    'FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 ' +
    'LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 ' +
    'SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

export const iban: Detector = {
  name: 'iban',
  triggers: '0123456789',
  firstDigitOnly: true,
  canFollow: (before) => isOf(before, UPPER),
  match(bytes, at, begin, low, end, found) {
    const start = at - 2;
    if (start < low || !isAt(bytes, at - 1, begin, end, UPPER) || !isAt(bytes, start, begin, end, UPPER)) return false;
    if (isAt(bytes, start - 1, begin, end, ALNUM) || !isAt(bytes, at + 1, begin, end, DIGIT)) return false;
    const length = LENGTHS.get(String.fromCharCode(bytes[start] as number, bytes[at - 1] as number));
    if (length === undefined) return false;
    const separator = bytes[start + 4];
    const grouped = separator === 0x20 || separator === 0x2d;
    let remainder = 0;
    let count = 4;
    let i = start + 4;
    for (; count < length; i++) {
      if (i >= end) return false;
      if (grouped && bytes[i] === separator && count % 4 === 0) continue;
      if (!isAt(bytes, i, begin, end, DIGIT | UPPER)) return false;
      remainder = fold(remainder, bytes[i] as number);
      count++;
    }
    if (isAt(bytes, i, begin, end, ALNUM)) return false;
    for (let head = start; head < start + 4; head++) remainder = fold(remainder, bytes[head] as number);
    if (remainder !== 1) return false;
    found.start = start;
    found.end = i;
    return true;
  },
};

const fold = (remainder: number, byte: number): number =>
  ((CLASS[byte] as number) & DIGIT ? remainder * 10 + byte - 0x30 : remainder * 100 + byte - 55) % 97;
