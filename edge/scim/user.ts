// A person as a directory describes them, reduced to what Gatehouse has a use for. What else comes along (titles, departments,
// telephone numbers, passwords) is neither kept nor answered with.

import { Email } from '../../core/identity.ts';
import { ok, type Result } from '../../core/result.ts';
import { invalidSyntax, invalidValue, type ScimFault } from './fault.ts';

export interface ScimEmail {
  readonly value: string;
  readonly type?: string | undefined;
  readonly primary?: boolean | undefined;
}

/** What a directory may write. */
export interface ScimUser {
  readonly userName: string;
  readonly externalId?: string | undefined;
  readonly active: boolean;
  readonly displayName?: string | undefined;
  readonly name?: Readonly<Partial<Record<NamePart, string>>> | undefined;
  readonly emails: readonly ScimEmail[];
}

export const NAME_PARTS = ['formatted', 'givenName', 'familyName'] as const;
type NamePart = (typeof NAME_PARTS)[number];

const MAX_CHARACTERS = 500;
const MAX_EMAILS = 20;

export type Attributes = Readonly<Record<string, unknown>>;

export const isAttributes = (value: unknown): value is Attributes =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Names of attributes are the same in any case (RFC 7643, section 2.1). */
export function attributeOf(attributes: Attributes, name: string): unknown {
  if (Object.hasOwn(attributes, name)) return attributes[name];
  const key = Object.keys(attributes).find((each) => each.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : attributes[key];
}

/** `current`: what stays where the body says nothing; undefined: it is somebody new. */
export function readUser(body: unknown, current?: ScimUser): Result<ScimUser, ScimFault> {
  if (!isAttributes(body)) return invalidSyntax('Expected a user as a JSON object.');
  const userName = readText(attributeOf(body, 'userName'), 'userName');
  const externalId = readText(attributeOf(body, 'externalId'), 'externalId');
  const displayName = readText(attributeOf(body, 'displayName'), 'displayName');
  const active = readActive(attributeOf(body, 'active'));
  const name = readNameParts(attributeOf(body, 'name'));
  const emails = readEmails(attributeOf(body, 'emails'));
  for (const read of [userName, externalId, displayName, active, name, emails]) if (!read.ok) return read;
  if (!userName.ok || !externalId.ok || !displayName.ok || !active.ok || !name.ok || !emails.ok)
    return invalidSyntax('Not understood.');
  if (userName.value === undefined) return invalidValue('userName is missing.');
  return checkUser({
    userName: userName.value,
    externalId: externalId.value,
    displayName: displayName.value,
    // Nobody is let in again by a body that does not say so.
    active: active.value ?? current?.active ?? true,
    name: name.value,
    emails: emails.value ?? [],
  });
}

/** As a whole: somebody of whom no address is known could be neither let in nor kept out. */
export function checkUser(user: ScimUser): Result<ScimUser, ScimFault> {
  if (user.userName === '') return invalidValue('userName is empty.');
  if (user.emails.length > MAX_EMAILS) return invalidValue(`emails: at most ${MAX_EMAILS}.`);
  if (addressesOf(user).length === 0)
    return invalidValue(
      'Neither userName nor emails has an e-mail address, by which people are known here. Map one of them to the address that they sign in with.',
    );
  return ok(user);
}

/** By which they are known, in lower case, each once. */
export function addressesOf({ userName, emails }: Pick<ScimUser, 'userName' | 'emails'>): string[] {
  const written = [userName, ...emails.map(({ value }) => value)];
  return [...new Set(written.flatMap((text) => Email.safeParse(text).data ?? []))];
}

export function readText(value: unknown, name: string): Result<string | undefined, ScimFault> {
  if (value === undefined || value === null) return ok(undefined);
  if (typeof value !== 'string' || value.length > MAX_CHARACTERS)
    return invalidValue(`${name}: expected text of at most ${MAX_CHARACTERS} characters.`);
  return ok(value.trim());
}

/** Entra ID writes "True" and "False", unless its address has `?aadOptscim062020`. */
export function readActive(value: unknown): Result<boolean | undefined, ScimFault> {
  if (value === undefined || value === null) return ok(undefined);
  if (typeof value === 'boolean') return ok(value);
  // As one item of a list, in what it sent before.
  if (Array.isArray(value) && value.length === 1 && isAttributes(value[0]))
    return readActive(attributeOf(value[0], 'value'));
  const word = typeof value === 'string' ? value.trim().toLowerCase() : '';
  if (word === 'true' || word === 'false') return ok(word === 'true');
  return invalidValue('active: expected true or false.');
}

export function readNameParts(value: unknown): Result<ScimUser['name'], ScimFault> {
  if (value === undefined || value === null) return ok(undefined);
  if (!isAttributes(value)) return invalidValue('name: expected an object.');
  const parts: [NamePart, string][] = [];
  for (const part of NAME_PARTS) {
    const read = readText(attributeOf(value, part), `name.${part}`);
    if (!read.ok) return read;
    if (read.value !== undefined) parts.push([part, read.value]);
  }
  return ok(parts.length === 0 ? undefined : Object.fromEntries(parts));
}

export function readEmails(value: unknown): Result<readonly ScimEmail[] | undefined, ScimFault> {
  if (value === undefined || value === null) return ok(undefined);
  const listed = Array.isArray(value) ? value : [value];
  const emails: ScimEmail[] = [];
  for (const one of listed) {
    const read = readText(isAttributes(one) ? attributeOf(one, 'value') : one, 'emails.value');
    const type = readText(isAttributes(one) ? attributeOf(one, 'type') : undefined, 'emails.type');
    const primary = readActive(isAttributes(one) ? attributeOf(one, 'primary') : undefined);
    if (!read.ok) return read;
    if (!type.ok) return type;
    if (!primary.ok) return invalidValue('emails.primary: expected true or false.');
    // Okta sends empty ones.
    if (read.value === undefined || read.value === '') continue;
    emails.push({
      value: read.value,
      ...(type.value !== undefined && { type: type.value }),
      ...(primary.value !== undefined && { primary: primary.value }),
    });
  }
  return ok(emails);
}
