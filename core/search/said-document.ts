// What is searched beside actions: what the target said by itself, lanes that were opened (forwards), refusals of what got no
// number. A command made out of a terminal's keys and echoes comes in here too (SegmentContents.said of the indexer).

import type { Fact } from '../recording/facts/fact.ts';
import { cutText } from '../text/cut-text.ts';
import type { DocumentBody } from './document.ts';

const MAX_TEXT = 4000;

/** `place`: which one it is of which recorded segment. undefined: the fact is none of these. */
export function saidDocument(
  place: { readonly segment: number; readonly index: number },
  { timeUs, lane }: { readonly timeUs: number; readonly lane: number },
  fact: Fact,
): DocumentBody | undefined {
  const of = (
    kind: DocumentBody['kind'],
    texts: readonly string[],
    more: Partial<DocumentBody> = {},
  ): DocumentBody => ({
    kind,
    key: `s${digits(place.segment, 8)}.${digits(place.index, 6)}`,
    lane,
    timeUs,
    texts: texts.filter((text) => text !== '').map((text) => cutText(text, MAX_TEXT)),
    errors: [],
    tables: [],
    ...more,
  });
  switch (fact.kind) {
    case 'notice.received':
      return of('notice', [fact.message, fact.detail ?? '', fact.hint ?? '', fact.context ?? '', fact.code], {
        outcome: cutText(fact.severity, 40),
      });
    case 'notification.received':
      return of('notice', [`${fact.channel}: ${fact.payload}`]);
    case 'lane.opened':
      // Others are named for what runs on them, and that is an action.
      return fact.label === fact.of ? undefined : of('lane', [fact.label]);
    case 'action.refused':
      return fact.action === undefined ? of('notice', [fact.message], { verdict: 'refused' }) : undefined;
    default:
      return undefined;
  }
}

const digits = (number: number, count: number): string => String(number).padStart(count, '0');
