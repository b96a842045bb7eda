// What notices say, the same everywhere. Text that a person wrote is cut to size and shows its
// invisible characters; each notifier escapes it for its own medium.

import { type Approval, type HeldSubject, isHeld, isOfRecording } from '../../core/approval/approval.ts';
import { HELD, type HeldKind, nounOf } from '../../core/approval/held-action.ts';
import { requestWords } from '../../core/approval/state-words.ts';
import { span } from '../../core/text/amounts.ts';
import type { NoticeKind } from './notifier.ts';
import { onLines, saysSomething } from '../../core/text/written-text.ts';

const MAX_REASON_CHARACTERS = 500;
/** All facts of an action together fit into one section of a Slack message. */
export const MAX_ACTION_CHARACTERS = 1200;
export const MAX_PARAMETER_CHARACTERS = 40;

export function written(text: string, most = MAX_REASON_CHARACTERS): string {
  const shown = onLines(text);
  return shown.length > most ? `${wholeCharacters(shown, most - 1)}…` : shown;
}

/** The beginning of it, without half of a character at its end: some that we send to refuse such a text. */
export const wholeCharacters = (text: string, most: number): string =>
  text.slice(0, most).replace(/[\uD800-\uDBFF]$/, '');

/** The fact that holds the action's text, which Slack shows in blocks of its own. */
export const textFactOf = (kind: HeldKind): string => capitalised(nounOf(kind).one);
const capitalised = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

const sentence = (approval: Approval): string => {
  const { requester, subject } = approval;
  const { did } = requestWords({ kind: subject.kind, state: approval.state });
  return `${written(requester.email, 254)} ${did} ${subject.resource}`;
};

export const requestTitleOf = (kind: NoticeKind, approval: Approval): string => {
  if (kind === 'glass_broken' || approval.breakGlass) {
    return `${written(approval.requester.email, 254)} broke the glass for ${approval.subject.resource}`;
  }
  return sentence(approval);
};

/** `Approved by bob@example.com and carol@example.com`. */
export function outcome(approval: Approval): string {
  const by = approval.votes.map((vote) => written(vote.by.email, 254)).join(' and ');
  const { ended, breakGlass } = approval;
  if (breakGlass) {
    return breakGlass.review
      ? `Reviewed by ${written(breakGlass.review.by.email, 254)}: ${written(breakGlass.review.comment, 200)}`
      : 'In force without an approval. Somebody has to review it.';
  }
  switch (approval.state) {
    case 'pending':
      return approval.needed === 1
        ? 'Waiting for an approval'
        : `Waiting: ${approval.votes.length} of ${approval.needed} approvals${by ? `, by ${by}` : ''}`;
    case 'approved':
      return `Approved by ${by}`;
    case 'claimed':
      return `Approved by ${by}: ${requestWords({ kind: approval.subject.kind, state: 'claimed' }).state}`;
    case 'denied':
      return `Denied by ${written(ended?.by ?? '', 254)}: ${written(ended?.reason ?? '', 200)}`;
    case 'withdrawn':
      return 'Withdrawn';
    case 'expired':
      return `Expired: ${ended?.reason ?? ''}`;
  }
}

interface Fact {
  readonly name: string;
  readonly value: string;
}

export function factsOf(approval: Approval): Fact[] {
  const { subject, requester } = approval;
  const facts: Fact[] = [
    { name: 'Who', value: written(`${requester.name} <${requester.email}>`, 300) },
    { name: 'Resource', value: subject.resource },
    { name: 'Why', value: saysSomething(subject.reason) ? written(subject.reason) : 'no reason given' },
    ...(isOfRecording(subject)
      ? [{ name: 'Session', value: `${subject.session}, of ${written(subject.owner, 254)}` }]
      : []),
    ...(isHeld(subject) ? [] : [{ name: 'For', value: span(approval.workMs) }]),
    { name: 'Rule', value: approval.rule },
  ];
  if (subject.labels.task) facts.push({ name: 'Task', value: written(subject.labels.task, 200) });
  if (isHeld(subject)) facts.push(...actionFacts(subject));
  if (approval.state === 'pending')
    facts.push({ name: 'Decide by', value: `${approval.decideBy.slice(0, 16).replace('T', ' ')} UTC` });
  return facts;
}

/** What was cut is to be read in the portal; the digest says that it is the same one. */
function actionFacts(subject: HeldSubject): Fact[] {
  const { kind, title, text, parameters, touches, digest, estimate } = subject;
  const values = parameters.map(
    (value, index) => `$${index + 1} = ${value === null ? 'NULL' : written(value, MAX_PARAMETER_CHARACTERS)}`,
  );
  return [
    ...(title === undefined ? [] : [{ name: 'Where', value: written(title, 300) }]),
    { name: textFactOf(kind), value: written(text, MAX_ACTION_CHARACTERS) },
    ...(values.length > 0 ? [{ name: 'Parameters', value: written(values.join(', '), 200) }] : []),
    ...(touches.length > 0
      ? [{ name: capitalised(HELD[kind].touches.many), value: written(touches.join(', '), 200) }]
      : []),
    { name: 'Held for', value: written(subject.pattern ?? 'it could not be read with certainty', 200) },
    ...(estimate ? [{ name: 'Estimate', value: `${Math.round(estimate.rows)} rows` }] : []),
    ...(subject.inTransaction ? [{ name: 'Transaction', value: 'open, and holds its locks meanwhile' }] : []),
    { name: 'Digest', value: digest },
  ];
}
