// What sets a session apart in a list of them, the same in the portal and on the command line.

import type { SessionEntry } from './catalogue.ts';
import { hasCommands, hasRows } from './protocols.ts';

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

type Counted = Pick<SessionEntry, 'counts' | 'failedCommands' | 'protocol' | 'state'>;

/** Of its statements and commands, those that failed or were refused: `12`, and `12+` while failed commands are not all counted. */
export const errorCount = (session: Counted): string =>
  `${session.counts.errors + (session.failedCommands ?? 0)}${failuresKnown(session) ? '' : '+'}`;

/** The same in words, each number with what it counts; empty: there are none. */
export function errorWords(session: Counted): string[] {
  const { counts, failedCommands = 0, protocol } = session;
  const [failed, refused] = hasRows(protocol) ? [counts.errors + failedCommands, 0] : [failedCommands, counts.errors];
  const known = failuresKnown(session);
  return [
    ...(failed > 0 || !known ? [`${failed.toLocaleString('en')}${known ? '' : '+'} failed`] : []),
    ...(refused > 0 ? [`${refused.toLocaleString('en')} refused`] : []),
  ];
}

/** While it runs, what is indexed of it is all that anybody counted. */
export const failuresKnown = ({ failedCommands, protocol, state }: Counted): boolean =>
  failedCommands !== undefined || !hasCommands(protocol) || state === 'broken';
