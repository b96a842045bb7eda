// What is searched: one action, or something that was said or done beside actions, as it was recorded. The index keeps
// documents whole: what is found is shown from them, and an index is made again of those that it holds.

import { z } from 'zod';
import { ActionVerdict } from '../catalogue.ts';
import { SessionId } from '../ids.ts';
import { ProtocolName } from '../protocols.ts';
import { ResourceName } from '../resource.ts';

/** Of the session that it is in. */
export const SearchedSession = z.object({
  session: SessionId,
  /** Milliseconds since 1970. */
  startedMs: z.number().int(),
  subject: z.string(),
  email: z.string(),
  resource: ResourceName,
  protocol: ProtocolName,
  task: z.string().optional(),
  trace: z.string().optional(),
});
export type SearchedSession = z.infer<typeof SearchedSession>;

/** Of an action its own; `notice`: of the target. `lane`: one was opened, such as a forward. */
const DocumentKind = z.enum(['statement', 'command', 'exchange', 'file', 'notice', 'lane']);

export const DocumentBody = z.object({
  kind: DocumentKind,
  /** Of an action its number. */
  action: z.number().int().optional(),
  /** What tells it from others of its session: the same whenever it is made. */
  key: z.string(),
  lane: z.number().int(),
  timeUs: z.number().int(),
  /** What was written or said, each by itself: no phrase reaches from one to the next. */
  texts: z.array(z.string()),
  /** Of the first text that is only the beginning here: how many bytes it had. */
  cutBytes: z.number().int().optional(),
  outcome: z.string().optional(),
  verdict: ActionVerdict.shape.outcome.optional(),
  /** Codes: of a statement the target's, of a command its exit status or signal, of an exchange its status, of a file the target's. */
  errors: z.array(z.string()),
  tables: z.array(z.string()),
  rows: z.number().int().optional(),
  durationUs: z.number().int().optional(),
  /** More may become known of it. */
  open: z.literal(true).optional(),
});
export type DocumentBody = z.infer<typeof DocumentBody>;

export interface SearchDocument {
  readonly session: SearchedSession;
  readonly body: DocumentBody;
}

/** Milliseconds since 1970. */
export const momentOf = ({ session, body }: SearchDocument): number =>
  session.startedMs + Math.floor(body.timeUs / 1000);

/** Where it stands among all: the oldest first. Never equal for two that are not the same. */
export interface DocumentPlace {
  readonly at: number;
  readonly session: string;
  readonly key: string;
}

export const documentPlace = (document: SearchDocument): DocumentPlace => ({
  at: momentOf(document),
  session: document.session.session,
  key: document.body.key,
});

export function comparePlaces(a: DocumentPlace, b: DocumentPlace): number {
  if (a.at !== b.at) return a.at - b.at;
  if (a.session !== b.session) return a.session < b.session ? -1 : 1;
  return a.key === b.key ? 0 : a.key < b.key ? -1 : 1;
}
