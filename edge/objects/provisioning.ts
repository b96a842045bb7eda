// People and groups as a directory keeps them over SCIM. One object, so that a change and what follows from it have one order:
// whoever is deactivated is out everywhere before the directory hears that it is done, and if a part did not answer the
// directory is told so, and the object goes on by itself. The contract of each call: ports/provisioning.ts.

import { DurableObject } from 'cloudflare:workers';
import type { AuditEvent } from '../../core/audit/audit.ts';
import type { RequestId, ScimTokenId } from '../../core/ids.ts';
import { SCIM_PREFIX } from '../../core/people/scim-groups.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Env } from '../env.ts';
import { type Consequence, consequencesOf } from '../scim/consequences.ts';
import { type ScimFault, scimFault } from '../scim/fault.ts';
import { type GroupChange, type MemberChange, patchGroup } from '../scim/group.ts';
import { patchUser } from '../scim/patch-user.ts';
import { addressesOf, readUser, type ScimUser } from '../scim/user.ts';
import type { Serves } from '../ports/object.ts';
import type {
  GroupWrite,
  PersonStanding,
  ProvisioningPort,
  ScimQuery,
  StoredGroup,
  StoredUser,
  UserChange,
} from '../ports/provisioning.ts';
import { SCIM_GROUPS_SCHEMA, ScimGroups } from '../storage/scim/groups.ts';
import { SCIM_OUTBOX_SCHEMA, ScimOutbox } from '../storage/scim/outbox.ts';
import { SCIM_TOKENS_SCHEMA, ScimTokens } from '../storage/scim/tokens.ts';
import { SCIM_USERS_SCHEMA, ScimUsers } from '../storage/scim/users.ts';
import { endPerson, type EndPersonDeps } from '../use-cases/people/end-person.ts';
import { remote } from './rpc.ts';

const AT_ONCE = 500;
const TRY_AGAIN_MS = 5_000;
/** Whoever is in a session of theirs reads it. */
const LEFT = 'this account was deactivated in the company directory';
const ADDRESS_GONE = 'this address was taken away in the company directory';

export class Provisioning extends DurableObject<Env> implements Serves<ProvisioningPort> {
  readonly #users: ScimUsers;
  readonly #groups: ScimGroups;
  readonly #tokens: ScimTokens;
  readonly #outbox: ScimOutbox;
  /** Changes queue here: each begins from what the last one left. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    const { sql } = context.storage;
    sql.exec(SCIM_USERS_SCHEMA + SCIM_GROUPS_SCHEMA + SCIM_TOKENS_SCHEMA + SCIM_OUTBOX_SCHEMA);
    this.#users = new ScimUsers(sql);
    this.#groups = new ScimGroups(sql);
    this.#tokens = new ScimTokens(sql);
    this.#outbox = new ScimOutbox(sql);
  }

  standingOf(email: string): PersonStanding {
    const user = this.#users.byAddress(email);
    if (!user) return { kind: 'unknown' };
    return user.active ? { kind: 'active', groups: this.#groupsOf(user.id) } : { kind: 'inactive' };
  }

  addToken({ id, hash, name, by }: Parameters<ProvisioningPort['addToken']>[0]) {
    return this.#tokens.add(id, hash, name, by, Date.now());
  }
  revokeToken(id: ScimTokenId) {
    return this.#tokens.revoke(id);
  }
  tokenOf(hash: string) {
    return this.#tokens.find(hash, Date.now());
  }
  standing() {
    return { tokens: this.#tokens.list(), ...this.#users.counts(), groups: this.#groups.count() };
  }
  groupNames() {
    return this.#groups.names();
  }

  user(id: string) {
    return this.#users.find(id);
  }
  users(query: ScimQuery) {
    return this.#users.list(query);
  }
  group(id: string, withMembers: boolean) {
    return this.#groups.find(id, withMembers);
  }
  groups(query: ScimQuery, withMembers: boolean) {
    return this.#groups.list(query, withMembers);
  }

  addUser(by: string, user: ScimUser): Promise<Result<StoredUser, ScimFault>> {
    return this.#change(async () => {
      const conflict = this.#users.conflict(user, undefined);
      if (conflict) return err(conflict);
      const id = crypto.randomUUID();
      await this.#store(by, [userEvent(by, id, undefined, user)], consequencesOf(undefined, user), () =>
        this.#users.put(id, user, Date.now()),
      );
      return this.#found(this.#users.find(id));
    });
  }

  changeUser(by: string, id: string, change: UserChange, version: number | undefined) {
    return this.#change(async (): Promise<Result<StoredUser, ScimFault>> => {
      const stored = this.#users.find(id);
      const fits = matches(stored, version);
      if (!fits.ok) return fits;
      const before = written(fits.value);
      const after = change.kind === 'replace' ? readUser(change.body, before) : patchUser(before, change.operations);
      if (!after.ok) return after;
      if (isSame(before, after.value)) return ok(fits.value);
      const conflict = this.#users.conflict(after.value, id);
      if (conflict) return err(conflict);
      const events = [userEvent(by, id, before, after.value)];
      await this.#store(by, events, consequencesOf(before, after.value), () =>
        this.#users.put(id, after.value, Date.now()),
      );
      return this.#found(this.#users.find(id));
    });
  }

  deleteUser(by: string, id: string, version: number | undefined): Promise<Result<undefined, ScimFault>> {
    return this.#change(async () => {
      const fits = matches(this.#users.find(id), version);
      if (!fits.ok) return fits;
      const before = written(fits.value);
      await this.#store(by, [userEvent(by, id, before, undefined)], consequencesOf(before, undefined), () =>
        this.#users.delete(id),
      );
      return ok(undefined);
    });
  }

  addGroup(by: string, { group, members }: GroupChange): Promise<Result<StoredGroup, ScimFault>> {
    return this.#change(async () => {
      const conflict = this.#groups.conflict(group, undefined);
      if (conflict) return err(conflict);
      return this.#writeGroup(by, crypto.randomUUID(), undefined, { group, members });
    });
  }

  changeGroup(by: string, id: string, write: GroupWrite, version: number | undefined) {
    return this.#change(async (): Promise<Result<StoredGroup, ScimFault>> => {
      const fits = matches(this.#groups.find(id, false), version);
      if (!fits.ok) return fits;
      const change = write.kind === 'replace' ? ok<GroupChange>(write) : patchGroup(fits.value, write.operations);
      if (!change.ok) return change;
      const conflict = this.#groups.conflict(change.value.group, id);
      return conflict ? err(conflict) : this.#writeGroup(by, id, fits.value, change.value);
    });
  }

  deleteGroup(by: string, id: string, version: number | undefined): Promise<Result<undefined, ScimFault>> {
    return this.#change(async () => {
      const fits = matches(this.#groups.find(id, false), version);
      if (!fits.ok) return fits;
      const event = { kind: 'scim.group_deleted' as const, actor: by, object: id };
      const details = { group: fits.value.displayName, members: this.#groups.members(id).length };
      const consequences = this.#regroup(this.#groups.members(id));
      await this.#store(by, [{ ...event, details }], consequences, () => this.#groups.delete(id));
      return ok(undefined);
    });
  }

  override async alarm(): Promise<void> {
    await this.#change(async () => undefined).catch(() => undefined);
  }

  async #writeGroup(
    by: string,
    id: string,
    before: StoredGroup | undefined,
    { group, members }: GroupChange,
  ): Promise<Result<StoredGroup, ScimFault>> {
    const had = new Set(this.#groups.members(id));
    const has = membersAfter(had, members);
    const joined = [...has].filter((user) => !had.has(user));
    const left = [...had].filter((user) => !has.has(user));
    const may = this.#groups.mayJoin(joined);
    if (!may.ok) return may;
    const renamed = before?.displayName !== group.displayName;
    const changed = renamed || before?.externalId !== group.externalId;
    const of = { group: group.displayName, id };
    const events: AuditEvent[] = [
      ...(changed
        ? [
            {
              kind: 'scim.group_changed' as const,
              actor: by,
              object: id,
              details: { group: group.displayName, ...(before && renamed && { before: before.displayName }) },
            },
          ]
        : []),
      ...joined.map((user) => ({
        kind: 'scim.member_added' as const,
        actor: by,
        object: this.#nameOf(user),
        details: of,
      })),
      ...left.map((user) => ({
        kind: 'scim.member_removed' as const,
        actor: by,
        object: this.#nameOf(user),
        details: of,
      })),
    ];
    if (events.length > 0)
      await this.#store(
        by,
        events,
        this.#regroup(renamed ? [...new Set([...had, ...has])] : [...joined, ...left]),
        () => {
          this.#groups.put(id, group, Date.now());
          this.#groups.join(id, joined);
          this.#groups.leave(id, left);
        },
      );
    return this.#found(this.#groups.find(id, false));
  }

  /** Written down, then stored with what follows from it, then done. */
  async #store(
    by: string,
    events: AuditEvent[],
    consequences: readonly Consequence[],
    write: () => void,
  ): Promise<void> {
    const audit = remote(this.env.AUDIT_LOG);
    for (let at = 0; at < events.length; at += AT_ONCE) await audit.appendAll(events.slice(at, at + AT_ONCE));
    this.ctx.storage.transactionSync(() => {
      write();
      this.#outbox.add(consequences, by);
    });
    await this.#settle();
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    // What an earlier one left undone comes first.
    const done = this.#last.then(() => this.#settle()).then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #settle(): Promise<void> {
    try {
      for (;;) {
        const waiting = this.#outbox.next(AT_ONCE);
        if (waiting.length === 0) return;
        const regrouped: Record<string, readonly string[]> = {};
        const numbers: number[] = [];
        for (const { number, email, kind, by } of waiting) {
          if (kind === 'regroup') {
            const user = this.#users.byAddress(email);
            regrouped[email] = user ? this.#groupsOf(user.id) : [];
            numbers.push(number);
            continue;
          }
          if (kind === 'admit') await remote(this.env.DIRECTORY).admit(email);
          else {
            const barred = kind === 'bar';
            await endPerson(this.#ends(), { email, by, reason: barred ? LEFT : ADDRESS_GONE, barred });
          }
          this.#outbox.done(number);
        }
        if (numbers.length > 0) await remote(this.env.DIRECTORY).regroup(SCIM_PREFIX, regrouped);
        for (const number of numbers) this.#outbox.done(number);
      }
    } catch (error) {
      console.error(
        `what follows from a change of the directory is not done yet: ${error instanceof Error ? error.name : 'unknown'}`,
      );
      await this.ctx.storage.setAlarm(Date.now() + TRY_AGAIN_MS);
      throw error;
    }
  }

  #ends(): EndPersonDeps {
    const { env } = this;
    return {
      audit: remote(env.AUDIT_LOG),
      directory: remote(env.DIRECTORY),
      grants: remote(env.GRANTS),
      approvals: (id: RequestId) => remote(env.APPROVAL, id),
      endTunnel: (tunnel, reason) => remote(env.TUNNEL, tunnel).end(reason),
      push: (connector, message) => remote(env.CONNECTOR_LINK, connector).push(message),
    };
  }

  #groupsOf(user: string): string[] {
    return this.#groups.namesOf(user).map((name) => SCIM_PREFIX + name);
  }

  #nameOf(user: string): string {
    const found = this.#users.find(user);
    return (found && addressesOf(found)[0]) ?? user;
  }

  #regroup(users: readonly string[]): Consequence[] {
    return users.flatMap((id) => {
      const user = this.#users.find(id);
      return user?.active ? addressesOf(user).map((email) => ({ email, kind: 'regroup' as const })) : [];
    });
  }

  #found<T>(stored: T | undefined): Result<T, ScimFault> {
    return stored ? ok(stored) : NOT_FOUND;
  }
}

const NOT_FOUND = scimFault(404, 'There is no such resource.');

function matches<T extends { readonly version: number }>(
  stored: T | undefined,
  version: number | undefined,
): Result<T, ScimFault> {
  if (!stored) return NOT_FOUND;
  if (version !== undefined && version !== stored.version)
    return scimFault(412, 'It has changed since: read it again.');
  return ok(stored);
}

const written = ({ userName, externalId, active, displayName, name, emails }: StoredUser): ScimUser => ({
  userName,
  externalId,
  displayName,
  active,
  name,
  emails,
});

const isSame = (one: ScimUser, other: ScimUser): boolean =>
  JSON.stringify(written({ ...one } as StoredUser)) === JSON.stringify(written({ ...other } as StoredUser));

function membersAfter(before: ReadonlySet<string>, changes: readonly MemberChange[]): Set<string> {
  let members = new Set(before);
  for (const { kind, ids } of changes) {
    if (kind === 'set') members = new Set(ids);
    else
      for (const id of ids)
        if (kind === 'add') members.add(id);
        else members.delete(id);
  }
  return members;
}

function userEvent(by: string, id: string, before: ScimUser | undefined, after: ScimUser | undefined): AuditEvent {
  const [email = id] = addressesOf(after ?? before ?? { userName: id, emails: [] });
  const kind = !before
    ? 'scim.user_added'
    : !after
      ? 'scim.user_deleted'
      : before.active === after.active
        ? 'scim.user_changed'
        : after.active
          ? 'scim.user_reactivated'
          : 'scim.user_deactivated';
  return { kind, actor: by, object: email, details: { id, active: after?.active ?? false } };
}
