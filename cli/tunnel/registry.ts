// The command that runs a person's own client, by protocol. A protocol that has none is reached by a local port.

import type { ProtocolName } from '../../core/protocols.ts';

export const CLIENT_COMMANDS: Readonly<Partial<Record<ProtocolName, string>>> = {
  postgres: 'psql',
  mysql: 'mysql',
  ssh: 'ssh',
};
