// Whose search segments a session's documents stand in: those of the rule that recorded it, by which viewing is granted, and of
// its retention class. What one may not view is in files that are not opened for one.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { SessionOpening } from '../../core/session-evidence.ts';
import type { SearchedSession } from '../../core/search/document.ts';
import type { Item } from '../catalogue-table/table.ts';

export const SearchScope = z.object({
  rule: z.string(),
  /** 0: a session that was listed by an earlier release, which did not write it down. */
  retainDays: z.number().int(),
});
export type SearchScope = z.infer<typeof SearchScope>;

const SCOPE_BYTES = 12;

/** A name for keys and objects. Rules may have any name. */
export const scopeId = ({ rule, retainDays }: SearchScope): string =>
  createHash('sha256')
    .update(JSON.stringify(['search scope', rule, retainDays]))
    .digest('hex')
    .slice(0, 2 * SCOPE_BYTES);

const Row = z.looseObject({ opened: SessionOpening, retainDays: z.number().int().optional() });

export interface PlacedSession {
  readonly scope: SearchScope;
  readonly session: SearchedSession;
}

/** Of a session's row in the catalogue; undefined while nobody has said who opened it. */
export function placedOf(row: Item | undefined): PlacedSession | undefined {
  const known = Row.safeParse(row).data;
  if (!known) return undefined;
  const { opened, retainDays = 0 } = known;
  const { id, startedAt, subject, email, resource, protocol, task, trace } = opened;
  return {
    scope: { rule: opened.rule, retainDays },
    session: {
      session: id,
      startedMs: Date.parse(startedAt),
      subject,
      email,
      resource,
      protocol,
      ...(task !== undefined && { task }),
      ...(trace !== undefined && { trace }),
    },
  };
}
