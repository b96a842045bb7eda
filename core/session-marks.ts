// What sets a session apart in a list of them, the same in the portal and on the command line.

import type { SessionEntry } from './catalogue.ts';

/** An end is read back within minutes. */
const PROVEN_WITHIN_MS = 15 * 60_000;

/** It is over, and longer ago than reading it back takes. */
export const isUnprovenFor = ({ state, endedAt }: SessionEntry, nowMs: number): boolean =>
  state === 'ended' && endedAt !== undefined && nowMs - Date.parse(endedAt) > PROVEN_WITHIN_MS;

/** What sets a session apart for whoever reads a list of them; empty: nothing. */
export function sessionMarks(session: SessionEntry, nowMs: number): string[] {
  const { state, breakGlass, exempt, contradicted, fault } = session;
  return [
    ...(state === 'broken' ? [fault === undefined ? 'incomplete or altered' : `incomplete or altered: ${fault}`] : []),
    ...(isUnprovenFor(session, nowMs) ? ['not proven yet'] : []),
    ...(contradicted === undefined ? [] : ['row changed']),
    ...(breakGlass ? ['glass broken'] : []),
    ...(exempt === undefined ? [] : ['not recorded']),
  ];
}
