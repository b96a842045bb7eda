// The index's items in the catalogue's table.
//
//   pk                 sk                       what
//   search-scopes      SCOPE                    there are documents of that scope: rule, retainDays
//   search#SCOPE       head                     which search segments there are, see head.ts
//   search#SCOPE       shelf#NAME               a part of that, where there are very many
//   search#SCOPE       bloom#ID                 which terms one of them may hold
//   search#SCOPE       waiting#SESSION#SEGMENT  a recorded segment whose documents are in no search segment yet
//   search#SCOPE       damaged#ID               somebody found that search segment damaged or gone
//   search             begun                    how far what an earlier release had indexed waits too, see requeue.ts
//   session#SESSION    unplaced#SEGMENT         the same, while nobody has said whose the session is

import { z } from 'zod';
import type { SessionId } from '../../core/ids.ts';
import { SearchedSession } from '../../core/search/document.ts';
import { sessionPartition } from '../catalogue-table/schema.ts';
import type { ItemKey } from '../catalogue-table/table.ts';

export const SCOPES = 'search-scopes';
export const scopePartition = (scope: string): string => `search#${scope}`;
export const HEAD = 'head';
export const shelfRow = (name: string): string => `shelf#${name}`;
export const bloomRow = (id: string): string => `bloom#${id}`;
export const DAMAGED = 'damaged#';
export const BEGUN = { pk: 'search', sk: 'begun' };
export const WAITING = 'waiting#';
const digits = (segment: number) => String(segment).padStart(8, '0');
export const waitingRow = (session: SessionId, segment: number): string => `${WAITING}${session}#${digits(segment)}`;
export const waitingOf = (session: SessionId): string => `${WAITING}${session}#`;
export const UNPLACED = 'unplaced#';
export const unplacedKey = (session: SessionId, segment: number): ItemKey => ({
  pk: sessionPartition(session),
  sk: `${UNPLACED}${digits(segment)}`,
});

/** Where the catalogue has what a recorded segment brought. */
export const Brought = z.object({
  segment: z.number().int(),
  /** Sort keys in the session's partition: blocks of actions, and of what was said beside them. */
  blocks: z.array(z.string()),
  said: z.array(z.string()),
  /** Numbers of earlier actions of which it told more. */
  touched: z.array(z.number().int()),
});
export type Brought = z.infer<typeof Brought>;

export const Waiting = Brought.extend({ session: SearchedSession });
export type Waiting = z.infer<typeof Waiting>;
