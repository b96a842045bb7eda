// The part of the directory that knows connectors' keys.

import type { ConnectorKeys } from '../../core/connectors/connector-keys.ts';
import type { SiteName } from '../../core/fleet/site.ts';
import type { ConnectorId } from '../../core/ids.ts';
import type { Result } from '../../core/result.ts';

export interface ConnectorKeysPort {
  /** All that it has and had; undefined: there is no such connector. */
  keysOfConnector(id: ConnectorId): Promise<ConnectorKeys | undefined>;
  /** None of its keys is good from now on, and what it announced is nobody's. Again, it changes nothing. */
  revokeConnector(id: ConnectorId, by: string, reason: string): Promise<void>;
  /** Remembered until it is done, however long the connector is away. */
  wantRotation(id: ConnectorId, by: string): Promise<void>;
  /** The signatures were checked by the caller. */
  rotateKey(id: ConnectorId, from: string, to: string): Promise<Result<'rotated' | 'already', RotationRefused>>;
  /**
   * A connector whose AWS identity was proven. `principal`: role, account, name and session, in one text. Who was here by the same
   * one gets its id again, with the new key. `site`: that it is a replica of; undefined: of none, or as an administrator put it.
   */
  joinByPrincipal(input: {
    readonly id: ConnectorId;
    readonly name: string;
    readonly key: string;
    readonly site?: SiteName | undefined;
    readonly principal: string;
  }): Promise<Result<ConnectorId, RotationRefused>>;
  /** Connectors whose keys the functions do not know as they are. */
  untoldKeys(limit: number): Promise<ConnectorId[]>;
  /** The functions may have lost them: all are untold. */
  forgetKeysTold(): Promise<void>;
  keysTold(id: ConnectorId, version: number): Promise<void>;
}

/**
 * `old_key_wrong`: it is not the connector's key (any more). `key_known`: the new one is, or was, a connector's. `too_many`: changed so
 * often that it has to join anew.
 */
export type RotationRefused = 'revoked' | 'old_key_wrong' | 'key_known' | 'too_many';

export interface ConnectorStanding {
  readonly revoked?: { readonly at: string; readonly by: string; readonly reason: string };
  /** Who asked for a new key, which it has not made yet. */
  readonly rotationBy?: string;
  /** By which AWS identity it joined. */
  readonly principal?: string;
  /** It joined by an AWS identity and has been away since: its key is not taken any more. */
  readonly retired?: string;
  /** Whether the functions know its keys as they are. */
  readonly keysTold: boolean;
}
