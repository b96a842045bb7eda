// The lines that people paste, by protocol. One that has none is reached by host and port.

import type { ProtocolName } from '../../core/protocols.ts';
import type { Resource } from '../../core/resource.ts';
import type { Secret } from '../../core/secret.ts';
import { mysqlLines } from './mysql-lines.ts';
import { postgresLines } from './postgres-lines.ts';
import { type KnownHosts, sshLines } from './ssh-lines.ts';

type Lines = (resource: Resource, email: string, secret: Secret<string>, hosts: KnownHosts) => Record<string, string>;

export const LINES: Readonly<Partial<Record<ProtocolName, Lines>>> = {
  postgres: postgresLines,
  mysql: mysqlLines,
  ssh: sshLines,
};
