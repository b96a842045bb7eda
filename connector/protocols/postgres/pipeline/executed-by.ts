// Which statement an Execute is of: the one that its portal began, its next part, or one whose text nobody knows.

import type { Pipeline } from './pipeline.ts';
import { type StatementFacts, textOf } from './statement-facts.ts';
import type { Portal, Statement } from './statement.ts';

/** Begins its facts, unless its Bind or an earlier Execute of its portal has. `offset`, `length`: of the Execute. */
export function executedBy(
  portal: Portal | undefined,
  name: string,
  offset: number,
  length: number,
  facts: StatementFacts,
  pipeline: Pipeline,
): Statement {
  const doubt = portal && name !== '' ? pipeline.taken.doubtOf(portal) : undefined;
  // Told once of code that may be there: what goes on under its name is uncertain already.
  if (portal && doubt && (doubt === 'taken' || !portal.uncertain)) {
    portal.uncertain = doubt;
    portal.since = facts.latest;
    // What was approved at the Bind, or goes on, may be the other one.
    portal.held = undefined;
    portal.latest = undefined;
  }
  if (portal?.held && !portal.held.executed) return portal.held;
  // Behind a failure the name may stand for another, whose Bind is passed over too.
  const before = pipeline.skipping ? undefined : portal?.latest;
  if (before && (before.finished ? before.suspended : before.limited)) return facts.goOn(before);
  const certain = portal?.uncertain ? undefined : portal;
  // From its Bind on, the first time: there the parameters are.
  const from = certain && !certain.executed ? certain.offset : offset;
  if (portal) portal.executed = true;
  const { text, textBytes } = textOf(portal, name, pipeline.inDoubt(name));
  return facts.start(
    'extended',
    text,
    textBytes,
    certain?.parameters,
    certain?.statement,
    name,
    from,
    offset - from + length,
  );
}
