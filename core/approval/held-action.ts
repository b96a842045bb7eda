// An action that waits for approvers in the middle of a session: what they are shown of it, and what names it, so that
// what goes on is exactly what was approved.

import { z } from 'zod';
import { SECTIONS, type SectionName } from '../protocols.ts';
import { Digest } from '../recording/segment.ts';

export const HeldKind = z.enum(['statement', 'command', 'request', 'forward']);
export type HeldKind = z.infer<typeof HeldKind>;

interface Touches {
  readonly one: string;
  readonly many: string;
}

/** The section of the rule that holds each kind, and what is touched by one. */
export const HELD: Readonly<Record<HeldKind, { readonly section: SectionName; readonly touches: Touches }>> = {
  statement: { section: 'statements', touches: { one: 'table', many: 'tables' } },
  command: { section: 'commands', touches: { one: 'file', many: 'files' } },
  request: { section: 'requests', touches: { one: 'resource', many: 'resources' } },
  forward: { section: 'forwards', touches: { one: 'host', many: 'hosts' } },
};

export const nounOf = (kind: HeldKind) => SECTIONS[HELD[kind].section];

const WHAT_WAITS = {
  /** As recorded, so masked; approvers read this. */
  text: z.string().max(20_000),
  /** Bind parameters as recorded, so masked; null for NULL. */
  parameters: z.array(z.string().max(2_000).nullable()).max(200).default([]),
  /** Over the text and its bind parameters as they will be forwarded. */
  digest: Digest,
  /** The hold entry's pattern that it fits; missing: held for being unreadable. Says which entry's approvers decide. */
  pattern: z.string().max(1_000).optional(),
  /** It would run inside an open transaction, which holds its locks meanwhile. */
  inTransaction: z.boolean().default(false),
  /** What the target expects of it, where that is cheap to ask: rows and cost of EXPLAIN. */
  estimate: z.object({ rows: z.number(), cost: z.number() }).optional(),
};
const Touched = z.array(z.string().max(200)).max(200);

export const HeldAction = z.object({
  kind: HeldKind,
  /** One line, where the text alone does not say where it would go: a container, a method and a path. */
  title: z.string().max(500).optional(),
  ...WHAT_WAITS,
  /** Names of what it would read or change, as far as they are known. */
  touches: Touched,
});
export type HeldAction = z.infer<typeof HeldAction>;

/** A statement as the first release had it. Stored approvals, its connectors and programs over the API say it so. */
export const HeldStatement = z.object({ ...WHAT_WAITS, pattern: z.string().max(400).optional(), tables: Touched });
export type HeldStatement = z.infer<typeof HeldStatement>;

export const actionOf = <S extends HeldStatement>({ tables, ...rest }: S) => ({
  ...rest,
  kind: 'statement' as const,
  touches: tables,
});

/** undefined: the first release had no such thing. */
export function statementOf<A extends HeldAction>(
  action: A,
): (Omit<A, 'kind' | 'title' | 'touches'> & HeldStatement) | undefined {
  const { kind, title: _title, touches, ...rest } = action;
  return kind === 'statement' ? { ...rest, tables: touches } : undefined;
}
