// The protocols this connector speaks. The one file that imports them.

import type { ProtocolName } from '../core/protocols.ts';
import type { UpstreamTarget } from './net/dial.ts';
import type { Protocol } from './protocol.ts';
import { createPostgres, type PostgresOptions } from './protocols/postgres/index.ts';

/** A listener's settings that only its protocol understands. */
export interface ProtocolOptions {
  readonly postgres: PostgresOptions;
}

/** One for each listener. */
export const createProtocol: {
  readonly [P in ProtocolName]: (options?: ProtocolOptions[P]) => Protocol<UpstreamTarget>;
} = {
  postgres: createPostgres,
};
