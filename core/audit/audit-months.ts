// The root chain of the audit log: a line a closed month, each over the one before. It stands in the log itself, as the entry
// `audit.month_closed`, so that it is exported and proven with everything else; a signed checkpoint in it says whose word it is.
//
// A month is what the edge keeps together: entries of one calendar month (UTC), or a part of it where there are very many.

import { z } from 'zod';
import { Digest, toHex } from '../recording/segment.ts';
import { checkpointText, parseCheckpoint } from '../tlog/checkpoint.ts';
import { type NoteKey, noteKey, showNote, signNote, type SignNote, whoSigned } from '../tlog/note.ts';
import type { AuditEntry, AuditEvent } from './audit.ts';
import { AUDIT_GENESIS } from './audit.ts';

const MONTH_NAME = /^\d{4}-\d{2}(\.[1-9]\d{0,5})?$/;

export const AuditMonth = z.object({
  /** `2026-11`; `2026-11.2` is its second part. */
  name: z.string().regex(MONTH_NAME),
  first: z.number().int().min(1),
  last: z.number().int().min(1),
  /** Digest of the entry before the first; 64 zeros for a log's first. */
  previous: Digest,
  /** Digest of the last entry. */
  head: Digest,
  /** Root of the month before; 64 zeros for the first. */
  before: Digest,
  /** Hex SHA-256 over the UTF-8 JSON of `[before, name, first, last, previous, head]`. */
  root: Digest,
});
export type AuditMonth = z.infer<typeof AuditMonth>;

/** Of the time of an entry. */
export const calendarMonth = (at: string): string => at.slice(0, 7);

export async function monthRoot(month: Omit<AuditMonth, 'root'>): Promise<string> {
  const { before, name, first, last, previous, head } = month;
  const text = JSON.stringify([before, name, first, last, previous, head]);
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))));
}

/** Why the month does not follow the one before it, in words for a person; undefined: it does. */
export async function wrongWithMonth(month: AuditMonth, before: AuditMonth | undefined): Promise<string | undefined> {
  if (month.first !== (before?.last ?? 0) + 1) return `${month.name} does not begin where the month before it ends`;
  if (month.previous !== (before?.head ?? AUDIT_GENESIS)) return `${month.name} does not link to the month before it`;
  if (month.before !== (before?.root ?? AUDIT_GENESIS))
    return `${month.name} names another root than the month before has`;
  return (await monthRoot(month)) === month.root ? undefined : `the root of ${month.name} is not the one of its line`;
}

const nameOfLog = (host: string): string => `${host}/audit`;

/** The key by which the checkpoints of the audit log are signed: that of the log of sessions, under a name of its own. */
export const auditKeyOf = (logKey: NoteKey): Promise<NoteKey> =>
  noteKey(nameOfLog(logKey.name.split('/')[0] ?? logKey.name), 'log', logKey.publicKey);

/** A C2SP checkpoint whose size is the month's last entry and whose root is the root chain's. */
export async function signMonth(month: AuditMonth, key: NoteKey, sign: SignNote): Promise<string> {
  const text = checkpointText({ origin: key.name, size: month.last, root: bytesOf(month.root) });
  return showNote({ text, signatures: [await signNote(text, key, sign)] });
}

/** The entry that says so. */
export function monthClosed(month: AuditMonth, checkpoint: string): AuditEvent {
  const { name, ...details } = month;
  return { kind: 'audit.month_closed', actor: 'gatehouse', object: name, details: { ...details, checkpoint } };
}

/** undefined: the entry is another, or says none. */
export function monthIn({ kind, object, details }: Pick<AuditEntry, 'object' | 'details'> & { kind: string }) {
  if (kind !== 'audit.month_closed') return undefined;
  const month = AuditMonth.safeParse({ ...details, name: object });
  return month.success ? { month: month.data, checkpoint: String(details.checkpoint) } : 'damaged';
}

/** Whether the checkpoint is of this month and by this key. */
export async function isSigned(month: AuditMonth, text: string, key: NoteKey): Promise<boolean> {
  const checkpoint = parseCheckpoint(text);
  if (!checkpoint.ok) return false;
  const { origin, size, root, note } = checkpoint.value;
  if (origin !== key.name || size !== month.last || toHex(root) !== month.root) return false;
  const signed = await whoSigned(note, [key]);
  return signed.ok && signed.value.length > 0;
}

const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
