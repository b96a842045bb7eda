// A resource that is a database server, as `connector.yaml` spells it, and what it becomes for a session.

import { z } from 'zod';
import type { RefusalReason } from '../../core/refusal.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Mistake, TargetFault, TargetTools } from '../protocol.ts';
import type { DialFault, UpstreamTarget } from './dial.ts';
import {
  Host,
  loginPlaceOf,
  type LoginSource,
  loginSource,
  openTls,
  Port,
  type TlsSettings,
  tlsSettings,
  WrittenTls,
} from './target-settings.ts';

export interface DatabaseSettings {
  readonly host: string;
  readonly port: number;
  readonly database: string | undefined;
  readonly login: DatabaseLogin;
  readonly tls: TlsSettings;
  /** The login is an administrator's, and makes a user for each session with the rights of this role. */
  readonly template: string | undefined;
}

/** `user`: undefined where its source names it. */
interface DatabaseLogin {
  readonly user: string | undefined;
  readonly password: LoginSource | undefined;
}

/** `maxName`: characters that its users and databases may have in their names. */
export const writtenDatabase = ({ port, maxName }: { readonly port: number; readonly maxName: number }) => {
  const Name = z.string().min(1).max(maxName);
  const login = {
    user: Name.optional(),
    /** Without one the target asks for none. */
    password: loginPlaceOf('a password').optional(),
  };
  return z.strictObject({
    host: Host,
    port: Port.default(port),
    database: Name.optional(),
    ...login,
    sessionUser: z.strictObject({ template: Name, admin: z.strictObject(login) }).optional(),
    tls: WrittenTls,
  });
};
type WrittenDatabase = z.infer<ReturnType<typeof writtenDatabase>>;
type WrittenLogins = Pick<WrittenDatabase, 'user' | 'password'>;

/**
 * What of its keys does not go together, each with the key that is to be changed. `resource`: as its schema reads it, though a
 * value in it may be wrong for a reason of its own.
 */
export function databaseMistakes(resource: unknown): readonly Mistake[] {
  const { user, password, sessionUser, tls } = resource as Partial<WrittenDatabase>;
  const mistakes = sessionUser
    ? loginMistakes(sessionUser.admin ?? {}, tls?.mode, ['sessionUser', 'admin'])
    : loginMistakes({ user, password }, tls?.mode, []);
  if (sessionUser?.admin?.password?.vault?.role !== undefined)
    mistakes.push({
      path: ['sessionUser', 'admin', 'password'],
      message: 'an administrator stays when a session is over: name a password, or a staticRole',
    });
  if (sessionUser && (user !== undefined || password !== undefined)) {
    const path = [user === undefined ? 'password' : 'user'];
    mistakes.push({ path, message: 'sessionUser makes a user for each session: leave user and password out' });
  }
  return mistakes;
}

function loginMistakes(
  { user, password }: Partial<WrittenLogins>,
  mode: string | undefined,
  path: readonly string[],
): Mistake[] {
  const mistakes: Mistake[] = [];
  const named = (password?.vault?.role ?? password?.vault?.staticRole) !== undefined;
  if (user === undefined && !named) mistakes.push({ path: [...path, 'user'], message: 'is missing', lacks: true });
  if (user !== undefined && named)
    mistakes.push({ path: [...path, 'user'], message: 'Vault names the user of its role: leave it out' });
  if (password?.rdsIam !== undefined && mode !== undefined && mode !== 'verify-full')
    mistakes.push({
      path: ['tls'],
      message:
        'rdsIam sends its token in the clear inside TLS: it goes with mode verify-full only (ca: the bundle of RDS)',
    });
  return mistakes;
}

export function settleDatabase(
  { host, port, database, user, password, sessionUser, tls }: WrittenDatabase,
  there: (path: string) => string,
): DatabaseSettings {
  const login = sessionUser?.admin ?? { user, password };
  return {
    ...{ host, port, database },
    login: { user: login.user, password: login.password && loginSource(login.password, there) },
    tls: tlsSettings(tls, there),
    template: sessionUser?.template,
  };
}

export async function openDatabase(
  { host, port, database, login: { user, password }, tls: settings, template }: DatabaseSettings,
  { login, session, connectTimeoutMs }: TargetTools,
): Promise<Result<UpstreamTarget, readonly TargetFault[]>> {
  const [logins, tls] = await Promise.all([password && login(password, { host, port, user }), openTls(settings)]);
  const faults: TargetFault[] = [];
  const setting = template === undefined ? 'password' : 'sessionUser.admin.password';
  if (logins?.ok === false) faults.push({ setting, of: 'credential', message: logins.error });
  if (!tls.ok) faults.push({ setting: 'tls.ca', of: 'authority', message: tls.error });
  if (logins?.ok === false || !tls.ok) return err(faults);
  return ok({
    ...{ host, port, database, tls: tls.value, connectTimeoutMs },
    user: logins?.value.user ?? user ?? '',
    password: logins?.value.password,
    keeper: logins?.value.keeper,
    ...(template !== undefined && { sessionUser: { template, session } }),
  });
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
