// What keeps a store from being an archive, in words for whoever runs it.

import type { StoreRefusal } from './probe.ts';

export interface StoreFlaw {
  readonly reason:
    | 'unreachable' // no connection, deadline passed, or it answered that it cannot now
    | 'access' // bucket, keys or rights: a person has to act
    | 'no_versions'
    | 'no_object_lock'
    | 'default_retention'
    | 'request_refused' // it does not take what recordings are stored, held or purged with
    | 'condition_ignored'
    | 'condition_not_atomic'
    | 'checksum_ignored'
    | 'checksum_not_kept'
    | 'lock_not_kept'
    | 'hold_not_kept'
    | 'delete_not_done'
    | 'no_delete_marker'
    | 'clock_differs';
  /** One sentence: what it did, why that matters, and what to do. Never a key or a secret. */
  readonly message: string;
}

/** Named, and no ground to refuse a store: whoever loses such a race stays under its lock, behind the other. */
export const isWeakness = ({ reason }: StoreFlaw): boolean => reason === 'condition_not_atomic';

export const flaw = (reason: StoreFlaw['reason'], message: string): StoreFlaw => ({ reason, message });

export const shown = ({ status, name }: StoreRefusal): string => `${status} ${name}`;

/** Of a request that only somebody without the right is refused, or that the store knows nothing of. */
export const noRight = (what: string, right: string, refused: StoreRefusal): StoreFlaw =>
  refused.status === 403
    ? flaw('access', `these credentials may not ${what} (${shown(refused)}): allow them ${right}`)
    : flaw('request_refused', `it refuses to ${what} (${shown(refused)}): use a store that has all of S3 for ${right}`);
