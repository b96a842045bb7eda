// Which statement of which text the target answers, by what the pipeline says comes next.

import type { Pending } from '../pipeline/pipeline.ts';
import type { StatementReading, TextReading } from '../catalogue/statement-reading.ts';
import type { Format } from '../wire/types.ts';
import type { Portal, Statement } from '../pipeline/statement.ts';

/** What is being answered, of one text. */
export interface Current {
  /** Each result is described just before its rows. */
  readonly query: boolean;
  readonly number: number;
  readonly reading: TextReading | undefined;
  readonly statement: StatementReading | undefined;
  readonly earlier: readonly StatementReading[];
  readonly portal: Portal | undefined;
}

export function currentOf(
  next: Pending | undefined,
  read: (statement: Statement, portal: Portal | undefined) => TextReading | undefined,
): Current {
  if (!next || !('statement' in next))
    return { query: false, number: 0, reading: undefined, statement: undefined, earlier: [], portal: undefined };
  const portal = 'portal' in next ? next.portal : undefined;
  const reading = next.kind === 'function' ? undefined : read(next.statement, portal);
  // Each statement of a text is done with one CommandComplete.
  const index = next.kind === 'query' ? next.statement.tags.length : 0;
  return {
    query: next.kind === 'query',
    number: next.statement.number,
    reading,
    statement: reading?.statements?.[index],
    earlier: reading?.statements?.slice(0, index) ?? [],
    portal,
  };
}

/** Result formats of its Bind. */
export function formatsOf(portal: Portal | undefined): readonly Format[] | undefined {
  return portal?.formats?.map((format): Format => (format === 1 ? 'binary' : 'text'));
}
