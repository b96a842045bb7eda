// A user after a PATCH. Attributes that are not kept are passed over; what would leave somebody without a name or an address is
// refused as a whole.

import { ok, type Result } from '../../core/result.ts';
import { invalidValue, type ScimFault, scimFault } from './fault.ts';
import type { Comparison } from './filter.ts';
import type { ScimOperation } from './operations.ts';
import {
  checkUser,
  NAME_PARTS,
  readActive,
  readEmails,
  readNameParts,
  readText,
  type ScimEmail,
  type ScimUser,
} from './user.ts';

export function patchUser(user: ScimUser, operations: readonly ScimOperation[]): Result<ScimUser, ScimFault> {
  let patched = user;
  for (const operation of operations) {
    const next = apply(patched, operation);
    if (!next.ok) return next;
    patched = next.value;
  }
  return checkUser(patched);
}

function apply(user: ScimUser, { op, path, value }: ScimOperation): Result<ScimUser, ScimFault> {
  const removed = op === 'remove';
  switch (path?.attribute) {
    case 'active': {
      const active = removed ? ok(undefined) : readActive(value);
      if (!active.ok) return active;
      return active.value === undefined
        ? invalidValue('active: expected true or false.')
        : ok({ ...user, active: active.value });
    }
    case 'username': {
      const userName = removed ? ok(undefined) : readText(value, 'userName');
      if (!userName.ok) return userName;
      if (!userName.value) return scimFault(400, 'userName is required.', 'mutability');
      return ok({ ...user, userName: userName.value });
    }
    case 'externalid':
    case 'displayname': {
      const key = path.attribute === 'externalid' ? 'externalId' : 'displayName';
      const text = removed ? ok(undefined) : readText(value, key);
      return text.ok ? ok({ ...user, [key]: text.value }) : text;
    }
    case 'name':
      return patchName(user, path.sub, removed ? undefined : value);
    case 'emails':
      return patchEmails(user, { op, path, value });
    default:
      return ok(user);
  }
}

function patchName(user: ScimUser, sub: string | undefined, value: unknown): Result<ScimUser, ScimFault> {
  if (sub === undefined) {
    const name = readNameParts(value);
    return name.ok ? ok({ ...user, name: name.value && { ...user.name, ...name.value } }) : name;
  }
  const part = NAME_PARTS.find((each) => each.toLowerCase() === sub);
  if (!part) return ok(user);
  const text = readText(value, `name.${part}`);
  if (!text.ok) return text;
  const { [part]: _, ...others } = user.name ?? {};
  return ok({ ...user, name: text.value === undefined ? others : { ...others, [part]: text.value } });
}

function patchEmails(user: ScimUser, { op, path, value }: ScimOperation): Result<ScimUser, ScimFault> {
  const filter = path?.filter;
  const fits = (email: ScimEmail) => filter === undefined || filter.every((each) => isOf(email, each));
  if (op === 'remove')
    return ok({
      ...user,
      emails: path?.sub === undefined || path.sub === 'value' ? user.emails.filter((each) => !fits(each)) : user.emails,
    });
  if (filter === undefined && (path?.sub === undefined || path.sub === 'value')) {
    const read = readEmails(value);
    if (!read.ok) return read;
    const given = read.value ?? [];
    const kept =
      op === 'replace' ? [] : user.emails.filter(({ value: before }) => !given.some((each) => each.value === before));
    return ok({ ...user, emails: [...kept, ...given] });
  }
  // Kind and rank of an address mean nothing here.
  if (path?.sub !== undefined && path.sub !== 'value') return ok(user);
  const read = readEmails(value);
  if (!read.ok) return read;
  const [given] = read.value ?? [];
  if (!given) return ok({ ...user, emails: user.emails.filter((each) => !fits(each)) });
  if (user.emails.some(fits))
    return ok({ ...user, emails: user.emails.map((each) => (fits(each) ? { ...each, value: given.value } : each)) });
  // Entra ID names an address by its kind before there is one.
  const type = filter?.find(({ attribute }) => attribute === 'type')?.value;
  return ok({ ...user, emails: [...user.emails, { ...given, ...(typeof type === 'string' && { type }) }] });
}

function isOf(email: ScimEmail, { attribute, value }: Comparison): boolean {
  switch (attribute) {
    case 'type':
      return typeof value === 'string' && email.type?.toLowerCase() === value.toLowerCase();
    case 'primary':
      return (email.primary ?? false) === (typeof value === 'string' ? value.toLowerCase() === 'true' : value);
    case 'value':
      return typeof value === 'string' && email.value.toLowerCase() === value.toLowerCase();
    default:
      return false;
  }
}
