// What is shown of a hit: a stretch of what was recorded around the first place that fits, and which of it was asked for.
// Plain text: whoever shows it escapes it as its medium asks.

import type { SearchDocument } from './document.ts';
import { type AskedWords, placesOf, wordsOfDocument } from './match.ts';
import type { SearchExpression } from './query.ts';

const LENGTH = 240;
/** Shown before the first place. */
const BEFORE = 60;
const MAX_MARKS = 50;

interface Snippet {
  readonly text: string;
  /** From and to in UTF-16 units of `text`, in order, without overlaps. */
  readonly marks: readonly (readonly [number, number])[];
}

export function snippetOf(document: SearchDocument, asked: SearchExpression): Snippet {
  const words = [...wordsIn(asked)];
  const { texts } = wordsOfDocument(document);
  let best: { readonly text: string; readonly places: readonly (readonly [number, number])[] } | undefined;
  for (const [index, tokens] of texts.entries()) {
    const places = words.flatMap((each) => [...placesOf(each, tokens)].map(([a, b]) => [a.from, b.to] as const));
    const text = document.body.texts[index] ?? '';
    if (!best || (best.places.length === 0 && places.length > 0)) best = { text, places };
  }
  return best
    ? stretch(
        best.text,
        [...best.places].sort(([a], [b]) => a - b),
      )
    : { text: '', marks: [] };
}

/** Words that a hit may have for being asked for: none that it must not have. */
function* wordsIn(asked: SearchExpression): Generator<AskedWords> {
  if (asked.kind === 'words') yield asked;
  if (asked.kind === 'all' || asked.kind === 'any') for (const each of asked.of) yield* wordsIn(each);
}

function stretch(text: string, places: readonly (readonly [number, number])[]): Snippet {
  const first = places[0]?.[0] ?? 0;
  const from = onBorder(text, first + LENGTH <= text.length || first > LENGTH / 2 ? Math.max(0, first - BEFORE) : 0);
  const to = onBorder(text, Math.min(text.length, from + LENGTH));
  const [lead, tail] = [from > 0 ? '…' : '', to < text.length ? '…' : ''];
  const marks: [number, number][] = [];
  let done = from;
  for (const [start, end] of places) {
    const [a, b] = [Math.max(start, done), Math.min(end, to)];
    if (a >= b || marks.length === MAX_MARKS) continue;
    marks.push([a - from + lead.length, b - from + lead.length]);
    done = b;
  }
  return { text: `${lead}${text.slice(from, to)}${tail}`, marks };
}

/** Never in half of a surrogate pair. */
const onBorder = (text: string, at: number): number => {
  const before = text.charCodeAt(at - 1);
  return at < text.length && before >= 0xd800 && before <= 0xdbff ? at - 1 : at;
};
