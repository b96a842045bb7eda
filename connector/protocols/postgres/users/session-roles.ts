// A role made for one session: a member of the template's that begins as the template (`ALTER ROLE ... SET role`), so that what
// it creates is the template's, by the template's default privileges and policies, while `session_user`, the server's log and
// pg_stat_activity have the session's own name. ADR 66 says why.

import { randomBytes } from 'node:crypto';
import { err, ok, type Result } from '../../../../core/result.ts';
import type { UpstreamTarget } from '../../../net/dial.ts';
import {
  type AdminConnection,
  type AdminFault,
  MAX_SWEPT,
  NO_LOGIN,
  type UserDialect,
  VALID_AFTER_MS,
  type WantedUser,
  YOUNG_SECONDS,
} from '../../../net/session-users.ts';
import { scramVerifier } from '../../../sasl/scram.ts';
import { type CatalogueConnection, openCatalogueConnection } from '../catalogue/catalogue-connection.ts';
import type { CatalogueRow } from '../catalogue/catalogue-contents.ts';
import { identifier, literal, settingValue } from './sql.ts';

/** The password is random: more rounds would only cost each login time. */
const SCRAM_ROUNDS = 4096;
const STATEMENT_MS = 10_000;
const MAX_SETTINGS = 200;
const TERMINATE_MS = 5_000;
/** Objects are handed over when nobody uses them, or later. */
const LOCK_TIMEOUT = "set local lock_timeout = '5s'";

const INSUFFICIENT_PRIVILEGE = '42501';
const DEPENDENT_OBJECTS = '2BP01';

/** With what is asked of a server once: `server_version_num`. */
interface RoleConnection extends CatalogueConnection {
  readonly version: number;
}

export const sessionRoles: UserDialect<RoleConnection> = {
  open: (admin) => openRoles(admin, admin.database),

  async create(connection, user) {
    const known = await standing(connection, user.template);
    if (!known.ok) return known;
    const lacking = whatLacks(known.value, user.template);
    if (lacking !== undefined) return err({ message: lacking, code: INSUFFICIENT_PRIVILEGE });
    const [name, template] = [identifier(user.name), identifier(user.template)];
    const verifier = await scramVerifier(user.password, randomBytes(16), SCRAM_ROUNDS);
    // By the target's clock, which judges it.
    const left = user.session.untilMs - Date.now() + VALID_AFTER_MS;
    const until = new Date(known.value.nowMs + left).toISOString();
    const { statements, notes } = settingsOf(known.value.settings, user);
    const made = await ask(connection, [
      `create role ${name} login inherit password ${literal(verifier)} valid until ${literal(until)}`,
      `comment on role ${name} is ${literal(markOf(user, known.value.nowMs))}`,
      `grant ${template} to ${name}${connection.version >= 160000 ? ' with inherit true, set true' : ''}`,
      ...statements,
      `alter role ${name} set role = ${literal(user.template)}`,
    ]);
    return made.ok ? ok({ name: user.name, notes }) : made;
  },

  async drop(connection, { name, template }, admin) {
    const role = identifier(name);
    const { version } = connection;
    const found = await ask(connection, [`select from pg_roles where rolname = ${literal(name)}`]);
    if (!found.ok) return found;
    if (found.value.length === 0) return ok(undefined);
    const end = [
      `alter role ${role} nologin`,
      // To end what it runs, and to hand over what it owns.
      `grant ${role} to current_user${version >= 160000 ? ' with inherit true, set true' : ''}`,
      `select pg_terminate_backend(pid${version >= 140000 ? `, ${TERMINATE_MS}` : ''}) from pg_stat_activity where usename = ${literal(name)}`,
    ];
    const dropped = await ask(connection, [...end, `drop role ${role}`]);
    if (dropped.ok || dropped.error.code !== DEPENDENT_OBJECTS) return dropped.ok ? ok(undefined) : dropped;
    return handOver({ name, template }, end, admin);
  },

  async leftovers(connection, owner) {
    const mark = "shobj_description(r.oid, 'pg_authid')";
    const made = `substring(${mark} from ' made ([0-9]{9,11})')::bigint`;
    const ours = `${mark} like ${literal(`%of connector ${owner} made %`)} and extract(epoch from clock_timestamp()) - ${made} > ${YOUNG_SECONDS} and not exists (select from pg_stat_activity a where a.usename = r.rolname)`;
    const found = await ask(connection, [
      `select r.rolname from pg_roles r where r.rolname ~ '^gh_[0-9a-z]{26}$' and ${mark} like 'Gatehouse session ses\\_% of connector % made %' and (r.rolvaliduntil < clock_timestamp() or (${ours})) order by r.rolname limit ${MAX_SWEPT}`,
    ]);
    return found.ok ? ok(found.value.map(([name]) => name ?? '')) : found;
  },
};

/** Who it is for, and when it was made by the target's clock: a sweep goes by it. */
const markOf = ({ session }: WantedUser, nowMs: number): string =>
  `Gatehouse session ${session.id} of connector ${session.owner} made ${Math.floor(nowMs / 1000)}`;

/** What it owns, in whatever database, is the template's from then on; what it was granted is taken back. */
async function handOver(
  { name, template }: Pick<WantedUser, 'name' | 'template'>,
  end: readonly string[],
  admin: UpstreamTarget,
): Promise<Result<undefined, AdminFault>> {
  const role = identifier(name);
  const own = `refclassid = 'pg_authid'::regclass and refobjid = (select oid from pg_roles where rolname = ${literal(name)})`;
  return connected(admin, admin.database, async (connection) => {
    const ended = await ask(connection, end);
    if (!ended.ok) return ended;
    // What is of all databases (a database that it made) is handed over from any.
    const where = await ask(connection, [
      `select distinct coalesce(d.datname, current_database()) from pg_shdepend s left join pg_database d on d.oid = s.dbid where ${own}`,
    ]);
    if (!where.ok) return where;
    for (const [database] of where.value) {
      const handed = await connected(admin, database ?? undefined, (it) =>
        ask(it, [LOCK_TIMEOUT, `reassign owned by ${role} to ${identifier(template)}`, `drop owned by ${role}`]),
      );
      if (!handed.ok)
        return err({
          ...handed.error,
          message: `in database ${database}, its objects stay its own: ${handed.error.message}`,
        });
    }
    const dropped = await ask(connection, [`drop role ${role}`]);
    return dropped.ok ? ok(undefined) : dropped;
  });
}

async function openRoles(
  admin: UpstreamTarget,
  database: string | undefined,
): Promise<Result<RoleConnection, AdminFault>> {
  const opened = await openCatalogueConnection(admin, database);
  if (!opened.ok) return err({ message: `the administrator's login failed: ${opened.error}`, code: NO_LOGIN });
  const found = await ask(opened.value, ["select current_setting('server_version_num')"]);
  return found.ok ? ok(Object.assign(opened.value, { version: Number(found.value[0]?.[0]) })) : found;
}

async function connected<T>(
  admin: UpstreamTarget,
  database: string | undefined,
  work: (connection: RoleConnection) => Promise<Result<T, AdminFault>>,
): Promise<Result<T, AdminFault>> {
  const opened = await openRoles(admin, database);
  if (!opened.ok) return opened;
  try {
    return await work(opened.value);
  } finally {
    opened.value.close();
  }
}

/** One transaction. The rows of its last question. */
async function ask(
  connection: Pick<CatalogueConnection, 'query' | 'refused'> & AdminConnection,
  statements: readonly string[],
): Promise<Result<readonly CatalogueRow[], AdminFault>> {
  const results: CatalogueRow[][] = [];
  const take = (result: number, row: CatalogueRow) => {
    results[result] ??= [];
    results[result].push(row);
  };
  const done = await connection.query(statements.join(';\n'), take, STATEMENT_MS);
  if (done.ok) return ok(results.at(-1) ?? []);
  const { refused } = connection;
  return err(
    refused ? { message: `${refused.message} (${refused.code})`, code: refused.code } : { message: done.error },
  );
}

interface Standing {
  readonly admin: string;
  readonly readOnly: boolean;
  readonly createsRoles: boolean;
  readonly template: 'missing' | 'superuser' | 'there';
  /** The administrator may grant it, and has its rights. */
  readonly grants: boolean;
  readonly has: boolean;
  readonly nowMs: number;
  /** Database ('' for all), `name=value`, whether the administrator may set it. */
  readonly settings: readonly CatalogueRow[];
}

/** What the administrator may do for this template, and what settings that has, as they are now. */
async function standing(connection: RoleConnection, template: string): Promise<Result<Standing, AdminFault>> {
  const named = literal(template);
  // From 15 on an administrator may have been given others than those that anybody sets.
  const given = connection.version >= 150000 ? " or has_parameter_privilege(split_part(s.entry, '=', 1), 'set')" : '';
  const admins = connection.version >= 160000 ? "pg_has_role(me.oid, t.oid, 'member with admin option')" : 'true';
  const found = await ask(connection, [
    `with me as (select oid, rolname, rolsuper, rolcreaterole from pg_roles where rolname = current_user),
      t as (select oid, rolsuper from pg_roles where rolname = ${named})
    select 'standing', null, current_user, pg_is_in_recovery(), me.rolsuper or me.rolcreaterole,
      case when t.oid is null then 'missing' when t.rolsuper then 'superuser' else 'there' end,
      ${admins},
      pg_has_role(me.oid, t.oid, 'usage'), floor(extract(epoch from clock_timestamp()) * 1000)::bigint::text
      from me left join t on true
    union all (select 'setting', coalesce(d.datname, ''), split_part(s.entry, '=', 1), null, me.rolsuper or coalesce(g.context, '') = 'user'${given},
      substr(s.entry, strpos(s.entry, '=') + 1), null, null, null
      from me, t join pg_db_role_setting r on r.setrole = t.oid left join pg_database d on d.oid = r.setdatabase,
      unnest(r.setconfig) s(entry) left join pg_settings g on lower(g.name) = lower(split_part(s.entry, '=', 1)) limit ${MAX_SETTINGS})`,
  ]);
  if (!found.ok) return found;
  const row = found.value.find(([kind]) => kind === 'standing');
  if (!row) return err({ message: 'its own role is not known', code: INSUFFICIENT_PRIVILEGE });
  const [, , admin, recovering, creates, state, grants, has, now] = row;
  return ok({
    admin: admin ?? '',
    readOnly: recovering === 't' || recovering === 'true',
    createsRoles: creates === 't' || creates === 'true',
    template: state === 'missing' || state === 'superuser' ? state : 'there',
    grants: grants === 't' || grants === 'true',
    has: has === 't' || has === 'true',
    nowMs: Number(now),
    settings: found.value.filter(([kind]) => kind === 'setting'),
  });
}

/** Why no user can be made, with the statement that changes it. */
function whatLacks(it: Standing, template: string): string | undefined {
  const [admin, role] = [identifier(it.admin), identifier(template)];
  if (it.readOnly) return 'the target is a standby, which takes no new roles: name the primary as host';
  if (!it.createsRoles) return `its administrator ${admin} may not create roles: alter role ${admin} createrole`;
  if (it.template === 'missing') return `it has no role ${role} to give to sessions: see sessionUser.template`;
  if (it.template === 'superuser')
    return `the role ${role} is a superuser: name one that has the rights which sessions need`;
  if (!it.grants)
    return `its administrator ${admin} may not grant ${role}: grant ${role} to ${admin} with admin option`;
  if (!it.has)
    return `its administrator ${admin} does not have the rights of ${role}, which objects of ended sessions go to: grant ${role} to ${admin} with admin option`;
  return undefined;
}

/** The template's own settings, which a member does not inherit. */
function settingsOf(settings: readonly CatalogueRow[], { name, template }: WantedUser) {
  const statements: string[] = [];
  const notes: string[] = [];
  for (const [, database, setting, , may, text] of settings) {
    if (setting === null || setting === undefined || setting.toLowerCase() === 'role') continue;
    const value = settingValue(setting, text ?? '');
    if (!(may === 't' || may === 'true') || value === undefined) {
      notes.push(
        `sessions do not have the setting ${setting} of ${identifier(template)}, which its administrator may not give: grant set on parameter ${setting} to it (PostgreSQL 15 and later)`,
      );
      continue;
    }
    const where = database ? ` in database ${identifier(database)}` : '';
    const named = setting.split('.').map(identifier).join('.');
    statements.push(`alter role ${identifier(name)}${where} set ${named} to ${value}`);
  }
  return { statements, notes };
}

/** Whether users can be made for sessions, without making one. The error is for the operator. */
export async function trySessionRoles(target: UpstreamTarget): Promise<Result<undefined, string>> {
  const template = target.sessionUser?.template;
  if (template === undefined) return ok(undefined);
  const found = await connected(target, target.database, (connection) => standing(connection, template));
  const lacking = found.ok ? whatLacks(found.value, template) : found.error.message;
  return lacking === undefined ? ok(undefined) : err(`no users can be made for its sessions: ${lacking}`);
}
