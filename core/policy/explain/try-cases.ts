// Tries a policy's own `tests:`. Nothing is read from outside: time, address and tables are the case's.

import { readerOf, type StatementReader, type StatementReaders } from '../../sql/reader.ts';
import { actionsIn, type CaseFacts, type PolicyCase } from '../cases.ts';
import type { PolicyDocument, Rule } from '../document.ts';
import { type AccessExplanation, type AccessQuestion, explainAccess } from './explain-access.ts';
import { explainMasks, type ShownAs } from './explain-masks.ts';
import { explainAction } from './explain-action.ts';
import type { Way } from '../../masking/ways.ts';

interface Difference {
  /** Below the case: `['expect', 'verdict']`. */
  readonly path: readonly PropertyKey[];
  readonly expected: string;
  readonly got: string;
  readonly why: string;
}

interface TriedCase {
  /** From 0. */
  readonly index: number;
  readonly name: string;
  readonly differences: readonly Difference[];
}

export function tryCases(policy: PolicyDocument, readers: StatementReaders): TriedCase[] {
  return (policy.tests ?? []).map((one, index) => ({
    index,
    name: one.name ?? describeCase(one),
    differences: tryCase(policy, one, readers),
  }));
}

const factsOf = (given: CaseFacts): AccessQuestion => ({
  identity: { email: given.person, groups: given.groups },
  resource: given.resource,
  reason: given.reason,
  task: given.task,
  forMs: given.for,
  nowMs: given.at === undefined ? undefined : Date.parse(given.at),
  from: given.from,
  ...(given.signIn && { signIn: { acr: given.signIn.acr, amr: given.signIn.amr, ageMs: given.signIn.age } }),
});

function tryCase(policy: PolicyDocument, { given, expect }: PolicyCase, readers: StatementReaders): Difference[] {
  const found: Difference[] = [];
  const compare = (path: readonly PropertyKey[], expected: string, got: string, why: string) => {
    if (expected !== got) found.push({ path: ['expect', ...path], expected, got, why });
  };
  const explained = explainAccess(policy, factsOf(given));
  const why = describeAccess(explained);
  if (expect.access !== undefined) compare(['access'], expect.access, explained.access, why);
  if (expect.rule !== undefined) compare(['rule'], expect.rule, explained.rule?.name ?? 'none', why);
  const { rule } = explained;
  const session = explained.access === 'deny' ? undefined : rule;
  const [action] = actionsIn(given);
  const reader = readerOf(readers, given.resource.protocol);
  if (expect.verdict !== undefined && action) {
    const judged = session && explainAction(session, action, reader, given.searchPath);
    compare(['verdict'], expect.verdict, judged?.verdict ?? 'no session', judged?.why ?? why);
  }
  if (expect.masks) found.push(...tryMasks(session, given, expect.masks, reader, why));
  return found;
}

function tryMasks(
  rule: Rule | undefined,
  given: CaseFacts,
  expected: NonNullable<PolicyCase['expect']['masks']>,
  reader: StatementReader,
  denied: string,
): Difference[] {
  const masks = rule && explainMasks(rule, reader, given.statement, given.tables);
  return Object.entries(expected).flatMap(([column, wanted]) => {
    const shown = masks?.shown(partsOf(column));
    const got = shown ? [...new Set(shown.map(textOf))].join(' and ') : 'no session';
    const want = textOf(wanted);
    if (got === want) return [];
    const named = shown?.find((one) => one !== 'absent' && one.pattern !== undefined);
    const why =
      named && named !== 'absent'
        ? `it is what "${named.pattern}" names`
        : shown === undefined
          ? denied
          : (WHY_SHOWN[got] ?? 'it is in the result more than once');
    return [{ path: ['expect', 'masks', column], expected: want, got, why }];
  });
}

const WHY_SHOWN: Readonly<Record<string, string>> = {
  clear: 'no mask names it',
  absent: 'the result does not have it',
  withheld: 'nobody can tell what it is made of',
  untold: 'masks of this protocol go by the result, which is not known ahead; give the column without a statement',
};

/** `"Odd.Name".email` as its parts; unquoted ones folded as the server folds them. */
const partsOf = (column: string): string[] =>
  [...column.matchAll(/"((?:[^"]|"")+)"|([^\s".]+)/g)].map(([, quoted, plain]) =>
    quoted === undefined ? (plain ?? '').toLowerCase() : quoted.replaceAll('""', '"'),
  );

/** How a column is shown, in the words of `expect`. */
function textOf(shown: ShownAs | Way | 'clear' | 'withheld' | 'absent'): string {
  if (typeof shown === 'string') return shown;
  if ('fixed' in shown) return `fixed ${JSON.stringify(shown.fixed)}`;
  return shown.shown === 'masked' && shown.with !== undefined ? textOf(shown.with) : shown.shown;
}

/** One line: which rule, and why. */
export function describeAccess({ access, refusal, rule }: AccessExplanation): string {
  if (refusal) return refusal.message;
  return `rule ${rule?.name} ${access === 'approval' ? 'asks for an approval first' : 'gives access'}`;
}

function describeCase({ given }: PolicyCase): string {
  const who = `${given.person} on ${given.resource.name}`;
  const [action] = actionsIn(given);
  return action ? `${who}: ${firstLine(action.text)}` : who;
}

const firstLine = (text: string): string => {
  const [line = ''] = text.trim().split('\n');
  return line.length > 80 || line.length < text.trim().length ? `${line.slice(0, 79)}…` : line;
};
