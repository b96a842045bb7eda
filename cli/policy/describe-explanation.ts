// An explanation for a person.

import { span } from '../../core/text/amounts.ts';
import { capital } from '../../core/text/capital.ts';
import { ACTION_KEYS } from '../../core/policy/cases.ts';
import type { RuleFit } from '../../core/policy/explain/explain-access.ts';
import type { ExplainedColumn, ShownAs } from '../../core/policy/explain/explain-masks.ts';
import { SectionName } from '../../core/protocols.ts';
import type { Output, Style } from '../output.ts';
import { line } from '../terminal-text.ts';
import type { ExplainedAction, Explanation } from './explanation.ts';

const COLOURS: Readonly<Record<string, Style>> = {
  allow: 'green',
  approval: 'yellow',
  deny: 'red',
  warn: 'yellow',
  hold: 'yellow',
  block: 'red',
};

export function describeExplanation(output: Output, explanation: Explanation): string {
  return [
    ...describeAccessPart(output, explanation),
    ...SectionName.options.flatMap((section) => {
      const action = explanation[ACTION_KEYS[section]];
      return action ? describeAction(output, section, action) : [];
    }),
    ...describeMaskPart(output, explanation),
  ].join('\n');
}

function describeAccessPart(output: Output, { access, resource, person, policy }: Explanation): string[] {
  const labels = Object.entries(resource.labels).map(([name, value]) => `${name}=${value}`);
  const where = 'file' in policy ? policy.file : `version ${policy.version}, in force`;
  const at = access.line === undefined ? '' : ` (line ${access.line})`;
  const most = access.seconds === undefined ? '' : `, at most ${span(access.seconds * 1000)}`;
  const rows = access.rules.map((rule): [string, string] => [rule.rule, describeFit(rule)]);
  if (access.notReached.length > 0) rows.push(['not reached', access.notReached.join(', ')]);
  return [
    `${line(person)} asks for ${line([resource.name, ...labels].join(' '))} (${line(where)})`,
    '',
    `${heading(output, 'Access', access.decision)}: ${line(access.message.replace(/\.$/, ''))}${at}${most}`,
    ...(rows.length > 0 ? [indented(output.details(rows))] : []),
    ...(access.signIn === undefined ? [] : [`  Asks for ${line(access.signIn)}`]),
    ...(access.originalsTo ? [`  Kept, sealed: what masks hide, to ${access.originalsTo.map(line).join(', ')}`] : []),
  ];
}

const heading = (output: Output, title: string, decision: string): string =>
  `${output.style('bold', title)} ${output.style(COLOURS[decision] ?? 'bold', decision)}`;

function describeFit({ decides, labels, who }: RuleFit): string {
  const wrong = labels
    .filter(({ fits }) => !fits)
    .map(({ label, wanted, actual }) =>
      actual === undefined ? `there is no label ${label}` : `${label} is ${actual}, not ${wanted.join(' or ')}`,
    );
  const names = (fits: boolean) =>
    who
      .filter((each) => each.fits === fits)
      .map(({ name, groups }) => (groups ? `${name} (${groups.join(', ')})` : name))
      .join(', ');
  const nobody = who.some(({ fits }) => fits) ? [] : [`nobody of ${names(false)}`];
  const fitting = labels.map(({ label, actual }) => `${label}=${actual}`);
  if (wrong.length + nobody.length > 0) return `passed over: ${[...wrong, ...nobody].join('; ')}`;
  return `${decides ? 'decides' : 'fits'}: ${[...fitting, names(true)].join(', ')}`;
}

function describeAction(output: Output, section: SectionName, action: ExplainedAction): string[] {
  const { verdict, why, does, hint, approvers, entry, line: at } = action;
  const where = entry === undefined ? '' : ` (${section}, entry ${entry + 1}, line ${at})`;
  const key = ACTION_KEYS[section];
  const title = capital(key);
  const more = output.details([
    ['does', does && (does.length > 0 ? does.join(', ') : 'nothing that can be read')],
    ['hint', hint],
    ['asks', approvers?.join(', ')],
  ]);
  return ['', `${heading(output, title, verdict)}: ${line(why)}${where}`, ...(more === '' ? [] : [indented(more)])];
}

function describeMaskPart(output: Output, { masks }: Explanation): string[] {
  if (!masks) return [];
  const many = masks.results.length > 1;
  const rows = masks.results.flatMap(({ statement, columns }) =>
    columns.flatMap((column) =>
      rowsOf(column).map((row) => (many ? [`${statement}: ${row[0]}`, ...row.slice(1)] : row)),
    ),
  );
  const found = masks.detect.map((each) => `${each.detector} (${wayText(each.with)})`);
  return [
    ...(rows.length > 0 ? ['', indented(output.table(['COLUMN', 'SHOWN', 'FROM', 'BECAUSE'], rows, ''))] : []),
    ...(masks.assumed.length > 0
      ? [`  Taken for columns: ${line(masks.assumed.join(', '))}. --table says which columns a table has.`]
      : []),
    ...(found.length > 0 ? [`  In any text: ${found.join(', ')}`] : []),
  ];
}

function rowsOf(column: ExplainedColumn): string[][] {
  const from = column.from === 'unknown' ? 'not known' : column.from.join(', ');
  const own = [column.name ?? '(unnamed)', shownText(column), from, becauseOf(column)];
  const named = (column.columns ?? []).map((each) => [each.name, shownText(each), '', becauseOf(each)]);
  return named.length === 0 ? [own] : [...named, ['* (others)', 'clear', from, 'no mask names them']];
}

const becauseOf = ({ shown, pattern, entry }: ShownAs): string =>
  pattern !== undefined ? `"${pattern}" (mask, entry ${(entry ?? 0) + 1})` : BECAUSE[shown];

const BECAUSE: Readonly<Record<ShownAs['shown'], string>> = {
  clear: 'no mask names it',
  masked: 'a mask names it',
  withheld: 'nobody can tell what it is made of',
  untold: "the target's description of the result decides: not told ahead of it",
};

const shownText = (shown: ShownAs): string =>
  shown.shown === 'masked' && shown.with !== undefined ? wayText(shown.with) : shown.shown;

const wayText = (way: NonNullable<ShownAs['with']>): string =>
  typeof way === 'string' ? way : `fixed ${JSON.stringify(way.fixed)}`;

const indented = (text: string): string => text.replace(/^/gm, '  ');
