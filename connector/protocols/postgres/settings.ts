// PostgreSQL's settings in `connector.yaml`, and what they become for a session.

import { z } from 'zod';
import { err, ok, type Result } from '../../../core/result.ts';
import type { UpstreamTarget } from '../../net/dial.ts';
import {
  type CredentialSource,
  credentialSource,
  Host,
  openTls,
  placeOf,
  Port,
  type TlsSettings,
  tlsSettings,
  WrittenTls,
} from '../../net/target-settings.ts';
import type { TargetFault, TargetTools } from '../../protocol.ts';

export const DEFAULT_PORT = 5432;

export const ListenerSettings = z.strictObject({ clientAuth: z.enum(['scram', 'password']).optional() });

export const WrittenTarget = z.strictObject({
  host: Host,
  port: Port.default(DEFAULT_PORT),
  database: z.string().min(1).max(63).optional(),
  user: z.string().min(1).max(63),
  /** Without one the target asks for none (trust). */
  password: placeOf('a password').optional(),
  tls: WrittenTls,
});

export interface TargetSettings {
  readonly host: string;
  readonly port: number;
  readonly database: string | undefined;
  readonly user: string;
  readonly password: CredentialSource | undefined;
  readonly tls: TlsSettings;
}

export function settle(resource: unknown, there: (path: string) => string): TargetSettings {
  const { host, port, database, user, password, tls } = WrittenTarget.strip().parse(resource);
  return {
    host,
    port,
    database,
    user,
    password: password && credentialSource(password, there),
    tls: tlsSettings(tls, there),
  };
}

export async function openTarget(
  { host, port, database, user, password: source, tls: settings }: TargetSettings,
  { credential, connectTimeoutMs }: TargetTools,
): Promise<Result<UpstreamTarget, readonly TargetFault[]>> {
  const [password, tls] = await Promise.all([source && credential(source), openTls(settings)]);
  const faults: TargetFault[] = [];
  if (password?.ok === false) faults.push({ setting: 'password', of: 'credential', message: password.error });
  if (!tls.ok) faults.push({ setting: 'tls.ca', of: 'authority', message: tls.error });
  if (password?.ok === false || !tls.ok) return err(faults);
  return ok({ host, port, user, password: password?.value, database, tls: tls.value, connectTimeoutMs });
}
