// Statements each with its own answer (core/replay/by-statement.ts), of a file that can be left and gone on with.

import { z } from 'zod';
import { ReplayEvent } from '../../core/catalogue.ts';
import { byStatement, StatementOrder } from '../../core/replay/by-statement.ts';
import type { Checkpoints } from '../checkpoints.ts';

const KeptOrder = z.object({ current: z.number().optional(), waiting: z.array(ReplayEvent) });

export async function* orderedStatements(
  events: AsyncIterable<ReplayEvent>,
  at: Checkpoints,
): AsyncGenerator<ReplayEvent, void, undefined> {
  const saved = at.saved('order', KeptOrder);
  const order = new StatementOrder(saved);
  at.keep('order', KeptOrder, () => {
    const { current, waiting } = order.state();
    return { ...(current !== undefined && { current }), waiting: [...waiting] };
  });
  yield* byStatement(events, order);
}
