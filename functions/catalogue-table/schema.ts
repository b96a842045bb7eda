// The catalogue's one table: keys and indexes. docs/catalogue.md is its specification; infra
// declares the table from these names, and the local start creates it from them.
//
//   pk                sk                               what
//   session#SESSION   session                          the session's row; alone in the indexes
//   session#SESSION   segment#NUMBER                   one verified segment
//   session#SESSION   chain                            how far its segments were verified in their order
//   session#SESSION   tally#GROUP                      counts of up to TALLY_SEGMENTS segments
//   session#SESSION   actions#FIRST#SEGMENT            a block of actions that began in one segment
//   session#SESSION   finish#ACTION#SEGMENT            an end that came in a later segment than its start
//   months            2026-11                          there are sessions in that month
//   due#DAY           SESSION                          what is kept of that session may be over on that day
//   due-days          2027-02-18                       there are sessions to look at on that day
//   purges            SESSION                          a purge that is proposed, ordered or just done
//   purge-runs        last                             what the last run of the purge came to
//   holds             HOLD                             a legal hold, as the edge has it
//   reconcile         objects, rows                    how far the look for orphans has come
//   hold-standings    HOLD                             how far its sessions' objects are held
//   reindex           state                            how far a reindex has come (functions/reindex/ledger.ts)
//   connector-keys    CONNECTOR                        its keys, as a note that the edge signed (core/connectors)
//   held              SESSION                          its objects are under the store's own legal hold
//   exports           turns                            which exports are being written, and which wait (functions/rendered/turns.ts)

import type { SessionId } from '../../core/ids.ts';

export const PARTITION_KEY = 'pk';
export const SORT_KEY = 'sk';
/** `2026-11-20T12:00:00.000Z#ses_...`: sorts by time and is unique. */
export const STARTED = 'started';

/** Attributes that filter; carried by every index so that a filter reads no other item. */
export const FILTERS = ['email', 'resource', 'task', 'trace'] as const;
export type FilterName = (typeof FILTERS)[number];

export const INDEXES = [
  { name: 'byTime', partition: 'month' },
  { name: 'byEmail', partition: 'email' },
  { name: 'byResource', partition: 'resource' },
  { name: 'byTask', partition: 'task' },
  { name: 'byTrace', partition: 'trace' },
] as const;
export type IndexName = (typeof INDEXES)[number]['name'];

/** Carried by an index beside its own keys. */
export const carriedBy = (partition: string): string[] => FILTERS.filter((name) => name !== partition);

/**
 * Segments counted in one tally: its set of numbers stays under 4 KiB, and a day of 5 s segments
 * puts 34 tallies on the session's row.
 */
export const TALLY_SEGMENTS = 512;

/** Of the search index's own items (functions/search/rows.ts), as IAM compares keys. */
export const SEARCH_PARTITIONS = ['search', 'search#*', 'search-scopes'] as const;

const digits = (number: number, count: number): string => String(number).padStart(count, '0');

export const MONTHS = 'months';
export const DUE_DAYS = 'due-days';
export const duePartition = (day: string): string => `due#${day}`;
export const PURGES = 'purges';
export const CONNECTOR_KEYS = 'connector-keys';
export const PURGE_RUNS = 'purge-runs';
export const HOLDS = 'holds';
export const HOLD_STANDINGS = 'hold-standings';
export const RECONCILE = 'reconcile';
export const REINDEX = 'reindex';
export const HELD_SESSIONS = 'held';
export const EXPORTS = 'exports';
export const sessionPartition = (session: SessionId): string => `session#${session}`;
export const SESSION_ROW = 'session';
export const CHAIN_ROW = 'chain';
export const segmentRow = (number: number): string => `segment#${digits(number, 8)}`;
export const TALLIES = 'tally#';
export const tallyRow = (group: number): string => `${TALLIES}${digits(group, 6)}`;
export const ACTIONS = 'actions#';
export const actionsRow = (first: number, segment: number): string =>
  `${ACTIONS}${digits(first, 12)}#${digits(segment, 8)}`;
export const finishRow = (action: number, segment: number): string =>
  `finish#${digits(action, 12)}#${digits(segment, 8)}`;

/** The month that a time or a position (see STARTED) falls in. */
export const monthOf = (started: string): string => started.slice(0, 7);
