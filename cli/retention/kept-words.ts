// What keeps a session, or that it is gone, for a person.

import { refusalWords } from '../../core/retention/refusal-words.ts';
import type { SessionRetention } from '../../core/retention/purge.ts';
import { count } from '../../core/text/amounts.ts';
import { time } from '../output.ts';
import { line } from '../terminal-text.ts';

export function keptWords(kept: SessionRetention): string {
  const { session, retention, granted, storedAt, evidence, refusals, possibleFrom, purge, purged, asked } = kept;
  if (storedAt === undefined && purged)
    return [
      `${session}: purged at ${time(purged.at)}, as entry ${purged.audit} of the audit log ordered. Nothing of it is stored.`,
      ...wasWords(kept),
    ].join('\n');
  const stored =
    storedAt === undefined
      ? 'nothing is stored'
      : `${count(evidence.versions, 'object')}, the last of ${time(storedAt)}`;
  const kind = retention ?? purge?.retention;
  const rule = kind ? `rule ${kind.rule} keeps it ${count(kind.retainDays, 'day')}` : 'its rule cannot be read';
  const other = granted === undefined || granted === kind?.retainDays ? '' : `, and the edge granted ${granted}`;
  return [
    `${session}: ${stored}; ${rule}${other}.`,
    ...(purged ? [`  Purged at ${time(purged.at)} (entry ${purged.audit} of the audit log); this came after.`] : []),
    ...refusals.map((refusal) => `  ${refusalWords(refusal, time)}`),
    ...(refusals.length === 0 && storedAt !== undefined ? ['  Nothing stands against its purge.'] : []),
    ...(possibleFrom === undefined ? [] : [`  It can be purged from ${time(possibleFrom)} on.`]),
    ...(asked
      ? [
          `  ${line(asked.by)} asked for its purge before its time; that waits until ${time(asked.until)} for somebody else: gatehouse purge --early --session ${session} --reason TEXT`,
        ]
      : []),
    ...(purge ? [`  ${PURGE_WORDS[purge.state]} since ${time(purge.at)}.`] : []),
    ...(storedAt === undefined ? wasWords(kept) : []),
  ].join('\n');
}

/** Of what is gone the purge knows what it was, for an hour after it was written down. */
function wasWords({ purge }: SessionRetention): readonly string[] {
  if (!purge) return [];
  const { retention, evidence } = purge;
  const rule = retention ? `, which rule ${retention.rule} kept ${count(retention.retainDays, 'day')}` : '';
  const digest = evidence.manifest ?? evidence.lastSegment;
  const known = digest === undefined ? '' : `; ${evidence.manifest ? 'manifest' : 'last segment'} ${digest}`;
  return [`  It was ${count(evidence.versions, 'object')}${rule}${known}.`];
}

const PURGE_WORDS: Readonly<Record<NonNullable<SessionRetention['purge']>['state'], string>> = {
  proposed: 'Its purge is due, and waits to be written into the audit log,',
  ordered: 'Its purge is ordered, and the next run deletes it,',
  refused: 'Its purge is refused',
  done: 'It is deleted, and that waits to be written into the audit log,',
  settled: 'It is deleted, and that is in the audit log,',
};
