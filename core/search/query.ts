// What is asked of the index, as read (parse.ts). The same expression is judged on a document (match.ts) and
// looked up in the index (functions/search): it means the same in both.

export const VALUE_FIELDS = [
  'user',
  'resource',
  'protocol',
  'session',
  'verdict',
  'error',
  'table',
  'task',
  'trace',
] as const;
export type ValueField = (typeof VALUE_FIELDS)[number];
export const AMOUNT_FIELDS = ['rows', 'duration'] as const;
export type AmountField = (typeof AMOUNT_FIELDS)[number];
export const TIME_FIELDS = ['since', 'until'] as const;

export type SearchExpression =
  | { readonly kind: 'all' | 'any'; readonly of: readonly SearchExpression[] }
  | { readonly kind: 'not'; readonly of: SearchExpression }
  /** Terms one behind the other, as tokens.ts cuts them both ways. `prefix`: the last one is how a term begins. */
  | {
      readonly kind: 'words';
      readonly parts: readonly string[];
      readonly whole: readonly string[];
      readonly prefix: boolean;
    }
  /** `value` in lower case. */
  | { readonly kind: 'value'; readonly field: ValueField; readonly value: string; readonly prefix: boolean }
  /** Both ends are inside; rows, or microseconds. */
  | { readonly kind: 'amount'; readonly field: AmountField; readonly from: number; readonly to: number }
  /** Milliseconds since 1970; `from` is inside, `until` outside. */
  | { readonly kind: 'time'; readonly from: number; readonly until: number };

/** In which everything that it finds happened. `from` is inside, `until` outside. */
export function spanOf(asked: SearchExpression): { readonly from: number; readonly until: number } {
  switch (asked.kind) {
    case 'time':
      return asked;
    case 'all': {
      const spans = asked.of.map(spanOf);
      return { from: Math.max(...spans.map(({ from }) => from)), until: Math.min(...spans.map(({ until }) => until)) };
    }
    case 'any': {
      const spans = asked.of.map(spanOf);
      return { from: Math.min(...spans.map(({ from }) => from)), until: Math.max(...spans.map(({ until }) => until)) };
    }
    default:
      return { from: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY };
  }
}
