// Accounts made for one session, which have one role, the template, and it alone. MySQL keeps whose they are in a comment;
// MariaDB has none, so there their names end with the time after which nobody can be in them. ADR 66.

import { randomBytes } from 'node:crypto';
import { err, ok, type Result } from '../../../../core/result.ts';
import type { UpstreamTarget } from '../../../net/dial.ts';
import {
  type AdminFault,
  MAX_SWEPT,
  REFUSED_FOR_GOOD,
  type UserDialect,
  VALID_AFTER_MS,
  type WantedUser,
} from '../../../net/session-users.ts';
import { openOwnConnection, type OwnConnection } from '../login/own-connection.ts';
import { cachingSha2Verifier, nativeVerifier } from './verifiers.ts';

const DAY_MS = 24 * 3600_000;
/** CREATE USER ... COMMENT, 8.0.21. */
const LEAST_MYSQL = 80021;
const NOT_ALLOWED = '1227';

interface Server {
  readonly connection: OwnConnection;
  readonly usable: boolean;
  close(): void;
  readonly mariadb: boolean;
  readonly version: number;
  /** From where the administrator may log in: its users may from there, and nowhere else. */
  readonly host: string;
  readonly admin: string;
}

/** Read alike in every `sql_mode`: none has a backslash or a quote. */
const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
const isPlain = (value: string): boolean => !/[\\'"`\0]/.test(value);

export const sessionAccounts: UserDialect<Server> = {
  open: openServer,

  async create(server, user) {
    const { connection, mariadb } = server;
    const lacking = unfit(server, user.template);
    if (lacking !== undefined) return err({ message: lacking, code: NOT_ALLOWED });
    const now = await connection.ask('select unix_timestamp()');
    if (!now.ok) return now;
    // By the target's clock, which a sweep goes by.
    const left = user.session.untilMs - Date.now() + VALID_AFTER_MS;
    const until = Math.ceil(Number(now.value[0]?.[0]) + left / 1000);
    const name = mariadb ? `${user.name}_${until.toString(32)}` : user.name;
    const account = `${text(name)}@${text(server.host)}`;
    // Days are the least that servers know; what is kept by the gateway is `until`.
    const expires = `password expire interval ${Math.ceil(Math.max(left, 1) / DAY_MS)} day`;
    const made = await connection.ask(
      mariadb
        ? `create user ${account} identified via mysql_native_password using ${text(nativeVerifier(user.password))} ${expires}`
        : `create user ${account} identified with caching_sha2_password as 0x${(await cachingSha2Verifier(user.password, randomBytes(20))).toString('hex')} ${expires} password require current comment ${text(markOf(user, until))}`,
    );
    if (!made.ok) return lacksRight(made.error, `create user on *.* to ${server.admin}`);
    const role = text(user.template);
    for (const statement of [
      `grant ${role} to ${account}`,
      mariadb ? `set default role ${role} for ${account}` : `set default role ${role} to ${account}`,
    ]) {
      const given = await connection.ask(statement);
      if (given.ok) continue;
      await connection.ask(`drop user ${account}`);
      const right = mariadb ? ', and update, select on mysql.* to it' : '';
      return lacksRight(given.error, `${user.template} to ${server.admin} with admin option${right}`);
    }
    return ok({ name, notes: [] });
  },

  async drop(server, { name }) {
    const { connection, mariadb } = server;
    const found = await connection.ask(
      mariadb
        ? `select user, host from mysql.user where user = ${text(name)} or user like ${text(`${name.replaceAll('_', '|_')}|_%`)} escape '|'`
        : `select user, host from information_schema.user_attributes where user = ${text(name)}`,
    );
    if (!found.ok) return found;
    for (const [user, host] of found.value) {
      const dropped = await dropAccount(connection, user ?? '', host ?? '');
      if (!dropped.ok) return dropped;
    }
    return ok(undefined);
  },

  async leftovers({ connection, mariadb }) {
    const found = await connection.ask(
      mariadb
        ? `select user from mysql.user where user regexp '^gh_[0-9a-z]{26}_[0-9a-v]{6,8}$' and conv(substring(user, 31), 32, 10) + 0 < unix_timestamp() limit ${MAX_SWEPT}`
        : `select user from information_schema.user_attributes where user like 'gh|___________________________' escape '|' and attribute->>'$.comment' like 'Gatehouse session ses|_%' escape '|' and regexp_substr(attribute->>'$.comment', '[0-9]+$') + 0 < unix_timestamp() limit ${MAX_SWEPT}`,
    );
    return found.ok ? ok(found.value.map(([name]) => name ?? '')) : found;
  },
};

const markOf = ({ session }: WantedUser, until: number): string =>
  `Gatehouse session ${session.id} of connector ${session.owner} until ${until}`;

/** What its user still runs is ended where the administrator may see and end it. */
async function dropAccount(
  connection: OwnConnection,
  user: string,
  host: string,
): Promise<Result<undefined, AdminFault>> {
  const running = await connection.ask(`select id from information_schema.processlist where user = ${text(user)}`);
  for (const [id] of running.ok ? running.value : []) await connection.ask(`kill ${Number(id)}`);
  const definer = text(`${user}@${host}`);
  const objects = await connection.ask(
    ['views', 'routines', 'triggers', 'events']
      .map((kind) => `select count(*) from information_schema.${kind} where definer = ${definer}`)
      .join(' union all '),
  );
  if (!objects.ok) return objects;
  const count = objects.value.reduce((sum, [some]) => sum + Number(some), 0);
  const account = `${text(user)}@${text(host)}`;
  if (count > 0) {
    // They work as long as their definer is there.
    const locked = await connection.ask(`alter user ${account} account lock`);
    if (!locked.ok) return locked;
    return err({
      message: `${count} views, routines, triggers or events that it made have it for their definer. It is locked, and stays until they have another`,
      code: REFUSED_FOR_GOOD,
    });
  }
  const dropped = await connection.ask(`drop user if exists ${account}`);
  return dropped.ok ? ok(undefined) : dropped;
}

async function openServer(admin: UpstreamTarget): Promise<Result<Server, AdminFault>> {
  const opened = await openOwnConnection(admin);
  if (!opened.ok) return opened;
  const connection = opened.value;
  const asked = await connection.ask('select version(), current_user()');
  const [version = '', user = ''] = (asked.ok && asked.value[0]) || [];
  if (!asked.ok || version === null || user === null) {
    connection.close();
    return asked.ok ? err({ message: 'it does not say what it is' }) : asked;
  }
  const at = user.lastIndexOf('@');
  const [, major = 0, minor = 0, patch = 0] = (/^(\d+)\.(\d+)\.(\d+)/.exec(version) ?? []).map(Number);
  return ok({
    connection,
    get usable() {
      return connection.usable;
    },
    close: () => connection.close(),
    mariadb: /mariadb/i.test(version),
    version: major * 10_000 + minor * 100 + patch,
    host: user.slice(at + 1),
    admin: `${text(user.slice(0, at))}@${text(user.slice(at + 1))}`,
  });
}

function unfit({ mariadb, version, host }: Server, template: string): string | undefined {
  if (!isPlain(template) || !isPlain(host)) return 'names with quotes or backslashes are not supported here';
  // PASSWORD EXPIRE in CREATE USER, 10.4.3.
  if (mariadb && version < 100403) return 'MariaDB has what this needs from 10.4.3 on';
  if (!mariadb && version < LEAST_MYSQL) return 'MySQL has what this needs from 8.0.21 on';
  return undefined;
}

const lacksRight = (fault: AdminFault, right: string): Result<never, AdminFault> =>
  err({ ...fault, message: `${fault.message}. If its administrator lacks a right: grant ${right}` });

/** Whether users can be made for sessions, as far as the administrator's grants say, without making one. */
export async function trySessionAccounts(target: UpstreamTarget): Promise<Result<undefined, string>> {
  const template = target.sessionUser?.template;
  if (template === undefined) return ok(undefined);
  const opened = await openServer(target);
  const lacking = opened.ok ? await whatLacks(opened.value, template) : opened.error.message;
  if (opened.ok) opened.value.close();
  return lacking === undefined ? ok(undefined) : err(`no users can be made for its sessions: ${lacking}`);
}

async function whatLacks(server: Server, template: string): Promise<string | undefined> {
  const wrong = unfit(server, template);
  if (wrong !== undefined) return wrong;
  const grants = await server.connection.ask('show grants');
  if (!grants.ok) return grants.error.message;
  const lines = grants.value.map(([line]) => line ?? '');
  const everywhere = lines.filter((line) => / ON \*\.\* TO /.test(line)).join('\n');
  if (!/\b(?:CREATE USER|ALL PRIVILEGES)\b/.test(everywhere))
    return `its administrator may not create users: grant create user on *.* to ${server.admin}`;
  const named = new RegExp(`^GRANT .*[\`']?${template.replace(/[^\w]/g, '\\$&')}[\`']?.* TO .* WITH ADMIN OPTION`);
  if (/\b(?:ROLE_ADMIN|SUPER)\b/.test(everywhere) || lines.some((line) => named.test(line))) return undefined;
  return `its administrator may not grant ${template}: grant ${text(template)} to ${server.admin} with admin option`;
}
