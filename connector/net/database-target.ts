// A resource that is a database server, as `connector.yaml` spells it, and what it becomes for a session.

import { z } from 'zod';
import type { RefusalReason } from '../../core/refusal.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { TargetFault, TargetTools } from '../protocol.ts';
import type { DialFault, UpstreamTarget } from './dial.ts';
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
} from './target-settings.ts';

export interface DatabaseSettings {
  readonly host: string;
  readonly port: number;
  readonly database: string | undefined;
  readonly user: string;
  readonly password: CredentialSource | undefined;
  readonly tls: TlsSettings;
}

/** `maxName`: characters that its users and databases may have in their names. */
export const writtenDatabase = ({ port, maxName }: { readonly port: number; readonly maxName: number }) =>
  z.strictObject({
    host: Host,
    port: Port.default(port),
    database: z.string().min(1).max(maxName).optional(),
    user: z.string().min(1).max(maxName),
    /** Without one the target asks for none. */
    password: placeOf('a password').optional(),
    tls: WrittenTls,
  });

export function settleDatabase(
  { host, port, database, user, password, tls }: z.infer<ReturnType<typeof writtenDatabase>>,
  there: (path: string) => string,
): DatabaseSettings {
  return {
    host,
    port,
    database,
    user,
    password: password && credentialSource(password, there),
    tls: tlsSettings(tls, there),
  };
}

export async function openDatabase(
  { host, port, database, user, password: source, tls: settings }: DatabaseSettings,
  { credential, connectTimeoutMs }: TargetTools,
): Promise<Result<UpstreamTarget, readonly TargetFault[]>> {
  const [password, tls] = await Promise.all([source && credential(source), openTls(settings)]);
  const faults: TargetFault[] = [];
  if (password?.ok === false) faults.push({ setting: 'password', of: 'credential', message: password.error });
  if (!tls.ok) faults.push({ setting: 'tls.ca', of: 'authority', message: tls.error });
  if (password?.ok === false || !tls.ok) return err(faults);
  return ok({ host, port, user, password: password?.value, database, tls: tls.value, connectTimeoutMs });
}

/** To a client, of a target that was not reached or whose certificate did not verify. */
export const dialFaultForClients = ({ reason, code }: DialFault): string =>
  reason === 'upstream_unreachable'
    ? `The database is not reachable (${code}). Tell an administrator if it stays so.`
    : `The database's certificate did not verify (${code}). Tell an administrator.`;

export const NO_TLS = 'The database offers no TLS, which its settings ask for. Tell an administrator.';
/** What a client is to do about it, which the operator is not told. */
const FOR_CLIENTS = / (Tell an administrator(?: if it stays so)?|Try again in a moment|Try again later)\.$/;
const SEE: Readonly<Partial<Record<RefusalReason, string>>> = {
  upstream_unreachable: 'See host and port, and whether this machine may reach them.',
  upstream_untrusted: 'See tls: ca names the authority, serverName the name in the certificate.',
  upstream_login_failed: 'See user and password.',
  resource_unknown: 'See database.',
};

/** Why a target does not let in, for the operator, whose settings these are. `said`: the target's own words, if it had any. */
export function loginFaultForOperators(
  { reason, message }: { readonly reason: RefusalReason; readonly message: string },
  said: string | undefined,
): string {
  const what = said === undefined ? message.replace(FOR_CLIENTS, '') : `The database said: ${said}.`;
  const see = message === NO_TLS ? 'Switch it on at the server, or set tls: { mode: off }.' : (SEE[reason] ?? '');
  return `${what} ${see}`.trimEnd();
}
