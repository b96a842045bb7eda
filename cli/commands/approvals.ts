// Requests that wait, each with all that its approver says yes to; those that are over, a line each.

import type { Command } from 'commander';
import { ApprovalList, type ListedApproval } from '../../core/api.ts';
import { actionOf, HELD, type HeldAction } from '../../core/approval/held-action.ts';
import { isOver } from '../../core/approval/approval.ts';
import { requestOutcome } from '../../core/approval/outcome.ts';
import { requestWords, termWords } from '../../core/approval/state-words.ts';
import { span } from '../../core/text/amounts.ts';
import { query } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { type Output, time } from '../output.ts';
import { line, lines } from '../terminal-text.ts';

export function addApprovals(command: Command, cli: Cli): void {
  command
    .option('--all', 'also what is decided or over')
    .action(async (options: { all?: boolean }, command: Command) => {
      const { client, output } = await cli.open(command);
      const list = await client.get(`/approvals${query({ state: options.all ? 'all' : 'open' })}`, ApprovalList);
      await output.answer(list, () => {
        const over = list.approvals.filter(isDone);
        const open = list.approvals.filter((approval) => !isDone(approval));
        return [
          open.length === 0
            ? 'Nothing waits for you.'
            : open.map((approval) => describe(output, approval, Date.now())).join('\n\n'),
          ...(over.length === 0 ? [] : ['', overTable(output, over)]),
        ].join('\n');
      });
    });
}

/** What waits; an edge of the first release says it of statements alone. */
const heldIn = ({ held, statement }: ListedApproval): Waiting | undefined => held ?? (statement && actionOf(statement));
type Waiting = HeldAction & Pick<NonNullable<ListedApproval['held']>, 'session'>;

const isDone = ({ state, breakGlass }: ListedApproval): boolean =>
  breakGlass ? breakGlass.review !== undefined : isOver(state);

function describe(output: Output, approval: ListedApproval, now: number): string {
  const { id, requester, resource, reason, rule, labels, votes, needed, decideBy, askedAt } = approval;
  const held = heldIn(approval);
  const { state, did } = requestWords(approval);
  const left = Date.parse(decideBy) - now;
  const term = termWords(approval);
  const forYou = approval.mayDecide
    ? ', for you to decide'
    : approval.mayReview
      ? ', for you to review'
      : approval.yours
        ? ', yours'
        : '';
  return [
    `${output.style('bold', id)}  ${output.style('yellow', state)}${forYou}`,
    indented(`${line(requester.email)} ${did} ${line(resource)}`),
    ...(held
      ? ['', indented(lines(held.text.trimEnd()), 4), ...parametersOf(held).map((text) => indented(text, 4)), '']
      : []),
    indented(
      output.details([
        ['where', held?.title],
        [held ? HELD[held.kind].touches.many : 'tables', held?.touches.join(', ')],
        [
          'rule',
          held
            ? `${rule}, which holds ${held.pattern === undefined ? 'what cannot be read' : `"${held.pattern}"`}`
            : rule,
        ],
        ['why', reason === '' ? 'no reason given' : reason],
        ['task', labels.task],
        [term?.name ?? '', term?.value],
        ['estimate', held?.estimate && `about ${Math.round(held.estimate.rows)} rows, by the target's planner`],
        [
          'transaction',
          held?.inTransaction ? 'open: what it has locked stays locked until somebody decides' : undefined,
        ],
        ['session', held?.session ?? approval.recording?.session],
        ['whose session', approval.recording?.owner],
        ['asked', `${time(askedAt)}, ${span(now - Date.parse(askedAt))} ago`],
        [
          'decide by',
          approval.state === 'pending'
            ? `${time(decideBy)}, ${left > 0 ? `in ${span(left)}` : 'which is over'}`
            : undefined,
        ],
        ['approved by', votes.map(({ email }) => email).join(', ')],
        ['needed', needed > 1 ? `${needed} approvals, ${votes.length} given` : undefined],
      ]),
    ),
    ...waysOut(approval),
  ].join('\n');
}

function parametersOf({ parameters }: Waiting): string[] {
  return parameters.map((value, index) => `$${index + 1} = ${value === null ? 'NULL' : `'${line(value)}'`}`);
}

/** What its own person does with one that was approved. */
function nextOf({ kind, recording, resource }: ListedApproval): string {
  if (!recording) return `gatehouse request ${line(resource)}`;
  return kind === 'unlock' ? `gatehouse original ${recording.session}` : `gatehouse replay ${recording.session}`;
}

function waysOut(approval: ListedApproval): string[] {
  const { id, mayDecide, mayReview, yours, state, held, link } = approval;
  if (mayDecide) return [indented(`gatehouse approve ${id}`), indented(`gatehouse deny ${id} --reason TEXT`)];
  if (mayReview) return [indented(`Review it: ${line(link)}`)];
  const mine = yours && (state === 'pending' || state === 'approved');
  return [
    ...(yours && state === 'approved' && !held ? [indented(nextOf(approval))] : []),
    ...(mine ? [indented(`gatehouse withdraw ${id}`)] : []),
  ];
}

const SUBJECTS: Partial<Record<ListedApproval['kind'], string>> = { view: 'watching', unlock: 'originals' };

const overTable = (output: Output, over: readonly ListedApproval[]): string =>
  output.table(
    ['REQUEST', 'WHEN', 'OUTCOME', 'BY', 'PERSON', 'RESOURCE', 'WHAT'],
    over.map((approval) => {
      const { at, by, why } = requestOutcome(approval);
      const held = heldIn(approval);
      const what = held
        ? held.text
        : `${SUBJECTS[approval.kind] ?? 'access'} for ${span(approval.workSeconds * 1000)}: ${approval.reason}`;
      return [
        approval.id,
        time(at),
        `${requestWords(approval).state}${why === '' ? '' : `: ${why}`}`,
        by.join(', ') || 'nobody',
        approval.requester.email,
        approval.resource,
        what,
      ];
    }),
    '',
  );

const indented = (text: string, by = 2): string =>
  text
    .split('\n')
    .map((each) => `${' '.repeat(by)}${each}`)
    .join('\n');
