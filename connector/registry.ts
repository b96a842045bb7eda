// The protocols this connector speaks. The one file that imports them.

import type { ProtocolName } from '../core/protocols.ts';
import type { ProtocolModule } from './protocol.ts';
import { mysql } from './protocols/mysql/index.ts';
import { postgres } from './protocols/postgres/index.ts';
import { ssh } from './protocols/ssh/index.ts';

const modules = { postgres, mysql, ssh };

type Part<P extends ProtocolName, Which extends 'settings' | 'upstream'> =
  (typeof modules)[P] extends ProtocolModule<infer Settings, infer Upstream>
    ? { settings: Settings; upstream: Upstream }[Which]
    : never;

/** A resource's settings that only its protocol understands. */
export type ResourceSettings<P extends ProtocolName> = Part<P, 'settings'>;
/** What is opened for a session. */
export type Upstream<P extends ProtocolName> = Part<P, 'upstream'>;

export const PROTOCOL_MODULES: {
  readonly [P in ProtocolName]: ProtocolModule<ResourceSettings<P>, Upstream<P>>;
} = modules;
