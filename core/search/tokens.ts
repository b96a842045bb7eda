// Words of any text, for what is indexed and for what is asked: both are cut here and nowhere else, so that what was
// indexed is found. SQL, paths, addresses and identifiers are cut at everything that is no letter or digit (`_ - . / : @ $`),
// and at capitals inside (`orderItems`); scripts that are written without spaces into single characters.
//
//   order_items, orderItems   order + items; in whole also as orderitems
//   HTTPServer, v2Beta        http + server, v2 + beta
//   Straße, ﬁle, ＡＢＣ       strasse, file, abc
//   東京都                     東 + 京 + 都
//
// Terms hold letters and digits alone, in lower case.

import { cutText } from '../text/cut-text.ts';

/** Of a term in characters: what is longer is found by its beginning. */
export const MAX_TERM = 64;

export interface TextToken {
  readonly term: string;
  /** Where it stands in the text, in UTF-16 units; of what Unicode writes otherwise (NFKC), the run that holds it. */
  readonly from: number;
  readonly to: number;
}

export interface TextTokens {
  /** Cut at capitals too. */
  readonly parts: readonly TextToken[];
  /** Not cut at capitals; the same array where that makes no difference. */
  readonly whole: readonly TextToken[];
}

// Marks and format characters (soft hyphen, zero-width joiners) belong to the word that they stand in.
const RUN = /[\p{L}\p{N}][\p{L}\p{N}\p{M}\p{Cf}]*/gu;
const ASCII_RUN = /[A-Za-z0-9]+/g;
const ASCII_ONLY = /^[\0-\x7f]*$/;
/** Where words are written without spaces between them; Hangul and the scripts of South-East Asia are found by any part too. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const CAPITAL = /(?<=\p{Ll})(?=\p{Lu})|(?<=[\p{Lu}\p{N}])(?=\p{Lu}\p{Ll})/u;
/** Accents of Latin, Greek and Cyrillic. Other scripts' marks are letters to their readers. */
const ACCENTS = /[\u0300-\u036f]/g;
const FORMAT = /\p{Cf}/gu;
const ODD_FOLDS: Readonly<Record<string, string>> = { ß: 'ss', ς: 'σ', ı: 'i' };

export function textTokens(text: string): TextTokens {
  const parts: TextToken[] = [];
  const whole: TextToken[] = [];
  const ascii = ASCII_ONLY.test(text);
  let differs = false;
  for (const match of text.matchAll(ascii ? ASCII_RUN : RUN)) {
    const [run] = match;
    const from = match.index;
    const to = from + run.length;
    if (ascii || ASCII_ONLY.test(run)) {
      whole.push({ term: termOf(run.toLowerCase()), from, to });
      const cut = cutAtCapitals(run, from);
      if (cut) differs = true;
      parts.push(...(cut ?? whole.slice(-1)));
      continue;
    }
    for (const piece of normalRuns(run)) {
      if (UNSPACED.test(piece)) {
        const letters = unspaced(piece, run, from, to);
        parts.push(...letters);
        whole.push(...letters);
        continue;
      }
      whole.push({ term: termOf(fold(piece)), from, to });
      const terms = piece.length > MAX_TERM ? [piece] : piece.split(CAPITAL);
      if (terms.length > 1) differs = true;
      for (const term of terms) parts.push({ term: termOf(fold(term)), from, to });
    }
  }
  return { parts, whole: differs ? whole : parts };
}

/** undefined: there are none inside. Long runs are no names but data, of which pieces would mean nothing. */
function cutAtCapitals(run: string, from: number): TextToken[] | undefined {
  if (run.length > MAX_TERM || !/[A-Z]/.test(run)) return undefined;
  const pieces = run.split(CAPITAL);
  if (pieces.length === 1) return undefined;
  let at = from;
  return pieces.map((piece) => {
    const token = { term: piece.toLowerCase(), from: at, to: at + piece.length };
    at += piece.length;
    return token;
  });
}

/** In the form that Unicode holds to be the same, without accents; that can be several runs (½ is 1⁄2). */
function normalRuns(run: string): readonly string[] {
  const plain = run.replace(FORMAT, '').normalize('NFKD').replace(ACCENTS, '').normalize('NFKC');
  return plain.match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
}

/** Each character by itself, and what stands between them as words. */
function unspaced(piece: string, run: string, from: number, to: number): TextToken[] {
  // As it stands in the text, each has a place of its own.
  const placed = piece === run;
  const tokens: TextToken[] = [];
  let at = from;
  let word = '';
  let wordAt = from;
  const close = () => {
    if (word === '') return;
    tokens.push({ term: termOf(fold(word)), ...(placed ? { from: wordAt, to: at } : { from, to }) });
    word = '';
  };
  for (const letter of piece) {
    const alone = UNSPACED.test(letter);
    if (alone) {
      close();
      tokens.push({ term: letter, ...(placed ? { from: at, to: at + letter.length } : { from, to }) });
    } else {
      if (word === '') wordAt = at;
      word += letter;
    }
    at += letter.length;
  }
  close();
  return tokens;
}

function fold(text: string): string {
  const lower = text.toLowerCase().replace(ACCENTS, '');
  return lower.replace(/[ßςı]/g, (letter) => ODD_FOLDS[letter] ?? letter);
}

const termOf = (term: string): string => cutText(term, MAX_TERM);
