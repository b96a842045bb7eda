// What the catalogue keeps of one segment, made from its frames alone: the same segment always
// gives the same contents, which is what makes indexing idempotent.

import type { ActionEntry } from '../../core/catalogue.ts';
import { FactReader } from '../../core/recording/facts/fact-reader.ts';
import type { SessionOpened } from '../../core/recording/facts/session.ts';
import { framesOf, type Segment } from '../../core/recording/segment.ts';
import { SessionTally } from '../../core/recording/tally.ts';
import type { DocumentBody } from '../../core/search/document.ts';
import { saidDocument } from '../../core/search/said-document.ts';
import type { SegmentContents } from '../catalogue-table/segment-contents.ts';
import { type ActionEnd, joinEnds, withEnd } from '../facts/action-ends.ts';
import { beginningOf, endOf } from '../facts/actions.ts';

/** Throws FactDamage or FrameDamage. */
export function readContents(segment: Segment): SegmentContents {
  let opened: SessionOpened | undefined;
  const started = new Map<number, ActionEntry>();
  const laterEnds = new Map<number, ActionEnd>();
  const said: DocumentBody[] = [];
  const tally = new SessionTally();
  const facts = new FactReader(segment.header, false);
  for (const frame of framesOf(segment)) {
    const fact = facts.take(frame);
    tally.addRead(frame, fact);
    if (!fact) continue;
    if (fact.kind === 'session.opened') {
      opened = fact;
      continue;
    }
    const begun = beginningOf(frame.timeUs, frame.lane, fact);
    if (begun) {
      started.set(begun.action, begun);
      continue;
    }
    const beside = saidDocument({ segment: segment.header.number, index: said.length }, frame, fact);
    if (beside) said.push(beside);
    const end = endOf(fact);
    if (!end) continue;
    const action = started.get(end.action);
    const before = laterEnds.get(end.action);
    if (action) started.set(end.action, withEnd(action, end));
    else laterEnds.set(end.action, before ? joinEnds(before, end) : end);
  }
  return {
    opened,
    actions: [...started.values()].sort(byNumber),
    laterEnds: [...laterEnds.values()].sort(byNumber),
    said,
    counts: tally.counts(),
    failedCommands: tally.failedCommands ?? 0,
  };
}

const byNumber = (a: { action: number }, b: { action: number }): number => a.action - b.action;
