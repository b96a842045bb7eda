// What recording-log.ts and the archiver's thread say to each other: plain data only.

import type { Report } from '../../../core/control.ts';
import type { ConnectorId, SessionId } from '../../../core/ids.ts';
import type { Backlog, UnloggedEnd } from './archiver.ts';
import type { ParsedStoreSettings } from '../store/object-store.ts';

export interface SigningKey {
  /** PKCS #8 PEM. */
  readonly key: string;
  /** Public keys before it, base64url: what they signed may still wait for the store. */
  readonly earlierKeys: readonly string[];
}

export interface WorkerInput {
  readonly directory: string;
  readonly connector: { readonly id: ConnectorId; readonly name: string; readonly build: string };
  readonly signing: SigningKey;
  readonly store: ParsedStoreSettings;
  readonly committed: SharedArrayBuffer;
  readonly firstFile: number;
  readonly live: readonly SessionId[];
  readonly ends: readonly UnloggedEnd[];
  readonly opening: readonly SessionId[];
  readonly defaultRetainDays: number;
  readonly concurrency: number;
  readonly backOff: { readonly firstMs: number; readonly longestMs: number };
}

export type ToArchiver =
  | { readonly kind: 'end'; readonly end: UnloggedEnd }
  /** From now on manifests are signed with this one. */
  | { readonly kind: 'signing'; readonly signing: SigningKey }
  | { readonly kind: 'sessions_run'; readonly may: boolean }
  | { readonly kind: 'drain' }
  | { readonly kind: 'close' };

export type FromArchiver =
  | { readonly kind: 'report'; readonly report: Report }
  | { readonly kind: 'recovered'; readonly unbegun: readonly SessionId[] }
  | { readonly kind: 'finished'; readonly session: SessionId }
  | { readonly kind: 'backlog'; readonly backlog: Backlog }
  | { readonly kind: 'drained'; readonly backlog: Backlog }
  | { readonly kind: 'closed' };
