// What the policy made of a statement, beside it.

import type { ActionVerdict } from '../../../core/catalogue.ts';
import { Text } from './text.tsx';

const WORDS: Readonly<Record<ActionVerdict['outcome'], string>> = {
  warned: 'Warned',
  refused: 'Refused',
  held: 'Held',
  approved: 'Approved',
  denied: 'Denied',
  expired: 'Expired',
  withdrawn: 'Withdrawn',
  failed: 'Not decided',
};

export const OutcomeBadge = ({ outcome }: Pick<ActionVerdict, 'outcome'>) => (
  <span class={`badge badge-${outcome}`}>
    <span class="dot" aria-hidden="true" />
    {WORDS[outcome]}
  </span>
);

export const VerdictBadge = ({ verdict }: { verdict: ActionVerdict }) => (
  <p class="verdict">
    <OutcomeBadge outcome={verdict.outcome} /> <Text value={verdict.message} />
    {verdict.by && verdict.by.length > 0 ? (
      <>
        {' '}
        Decided by{' '}
        {verdict.by.map((email, index) => (
          <>
            {index > 0 ? ', ' : ''}
            <Text value={email} />
          </>
        ))}
        .
      </>
    ) : null}
    {verdict.rule === undefined ? null : (
      <span class="dim">
        {' '}
        Rule <code>{verdict.rule}</code>
      </span>
    )}
  </p>
);
