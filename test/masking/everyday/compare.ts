// How what came through the gateway differs from what the server says.

import type { Answer, Cell } from './answers.ts';
import type { Case } from './case.ts';

/** `masked` is as a rule says; all else is a fault. `shown`: a rule hides it, and there it was. */
export type Difference = 'masked' | 'masked though unrelated' | 'null' | 'error' | 'shown' | 'other';

export interface Found {
  readonly kind: Difference;
  /** Of the first cell of this kind, for people. */
  readonly where: string;
}

/** What the ways of masking leave behind, of texts. */
const LOOKS_MASKED = /\*{2,}|\[masked\]|\[withheld\]|\[credit-card\]|\[email\]/;

export function compare(of: Case, direct: readonly Answer[], through: readonly Answer[]): Found[] {
  const found = new Map<Difference, string>();
  const note = (kind: Difference, where: string) => found.has(kind) || found.set(kind, where);
  const [theirs, ours] = [direct, through].map((all) => all.map(({ kind }) => kind));
  for (let at = 0; at < Math.max(direct.length, through.length); at++) {
    const [one, other] = [direct[at], through[at]];
    if (one?.kind === other?.kind && one?.cells.length === other?.cells.length) {
      one?.cells.forEach((cell, column) => {
        const kind = differs(of, cell, other?.cells[column]?.value ?? null);
        if (kind)
          note(kind, `${cell.name}: ${JSON.stringify(cell.value)} is ${JSON.stringify(other?.cells[column]?.value)}`);
      });
      continue;
    }
    // From here on they tell of different things.
    const refused = through.slice(at).find(({ kind }) => kind === 'error');
    note(
      refused && !theirs?.slice(at).includes('error') ? 'error' : 'other',
      `${inWords(one)} is ${inWords(other)}; ${theirs?.length} answers, ${ours?.length}`,
    );
    break;
  }
  return [...found].map(([kind, where]) => ({ kind, where }));
}

function differs(
  { hides, hidesWithin, varies }: Case,
  { name, value }: Cell,
  seen: string | null,
): Difference | undefined {
  if (hides?.includes(name)) {
    if (value === null || seen === null) return value === seen ? undefined : value === null ? 'other' : 'null';
    return seen !== value && LOOKS_MASKED.test(seen) ? 'masked' : 'shown';
  }
  if (value === seen) return undefined;
  if (varies?.includes(name) && (value === null) === (seen === null)) return undefined;
  if (seen === null) return 'null';
  if (hidesWithin?.includes(name)) return LOOKS_MASKED.test(seen) ? 'masked' : 'other';
  return LOOKS_MASKED.test(seen) ? 'masked though unrelated' : 'other';
}

const inWords = (answer: Answer | undefined): string =>
  answer ? `${answer.kind} ${answer.cells.map(({ value }) => value ?? '-').join(' ')}`.slice(0, 200) : 'nothing';
