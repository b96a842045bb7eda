// What the policy did in a session, in plain words: the same in the replay, in exports and beside a
// listed action.

import type { Fact } from '../../core/recording/facts/fact.ts';
import { hiddenWords, notKeptWords } from '../../core/recording/coverage-words.ts';

type PolicyKind =
  | 'action.refused'
  | 'action.warned'
  | 'action.held'
  | 'hold.resolved'
  | 'mask.applied'
  | 'mask.withheld'
  | 'values.hidden'
  | 'rules.changed';
export type PolicyFact = Extract<Fact, { kind: PolicyKind }>;

/** As core/masking/masked.ts gives the reasons; others are shown as they are. */
const WITHHELD_FOR: Readonly<Record<string, string>> = {
  masking_failed: 'masking failed',
  lineage_unknown: 'it is not known which columns they are made of',
  result_unknown: 'their result was not described',
  copy_unknown: 'they came by COPY in a form that is not known',
  encoding_unsafe: 'they came in an encoding in which values cannot be told apart',
  message_quotes_data: 'a message of the target quotes data',
};

const values = (count: number): string => (count === 1 ? '1 value' : `${count} values`);

export function messageOf(fact: PolicyFact): string {
  switch (fact.kind) {
    case 'action.refused':
    case 'action.warned':
      return fact.message;
    case 'action.held': {
      const pattern = fact.pattern === undefined ? '' : ` for "${fact.pattern}"`;
      return `Held for an approval by rule ${fact.rule}${pattern} (${fact.request}).`;
    }
    case 'hold.resolved': {
      const by = fact.by.length === 0 ? '' : ` by ${fact.by.join(', ')}`;
      return `The request ${fact.request} was ${RESOLVED[fact.outcome]}${by}${said(fact)}`;
    }
    case 'mask.applied':
      return [
        ...(fact.masked.length > 0
          ? [`Masked: ${fact.masked.map(({ rule, count }) => `${values(count)} by ${rule}`).join(', ')}.`]
          : []),
        ...(fact.notKept ? [`Of masked values ${notKeptWords(fact.notKept)}.`] : []),
      ].join(' ');
    case 'values.hidden':
      return `Not shown here: ${fact.hidden.map(hiddenWords).join('; ')}.`;
    case 'mask.withheld': {
      const column = fact.column === undefined ? '' : ` of column ${fact.column}`;
      return `Withheld: ${values(fact.count)}${column}, since ${WITHHELD_FOR[fact.reason] ?? fact.reason}.`;
    }
    case 'rules.changed':
      return `Policy version ${fact.policyVersion} is in force from here on, rule ${fact.rule}.`;
  }
}

const said = ({ comment }: { comment: string }): string => (comment === '' ? '.' : `: ${comment}`);

const RESOLVED = {
  approved: 'approved',
  denied: 'denied',
  expired: 'not decided in time',
  withdrawn: 'withdrawn',
  failed: 'not carried out',
} as const;
