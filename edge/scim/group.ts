// A group as a directory describes it, and what a PATCH changes of it. Members are users, by the ids that they have here.

import { MAX_GROUP_CHARACTERS } from '../../core/identity.ts';
import { SCIM_PREFIX } from '../../core/people/scim-groups.ts';
import { ok, type Result } from '../../core/result.ts';
import { withUnseenShown } from '../../core/text/written-text.ts';
import { invalidSyntax, invalidValue, type ScimFault, scimFault } from './fault.ts';
import type { ScimOperation } from './operations.ts';
import { attributeOf, isAttributes, readText } from './user.ts';

/** What a directory may write; `members` undefined: as they are. */
export interface ScimGroup {
  readonly displayName: string;
  readonly externalId?: string | undefined;
}

/** `set`: these and no others. */
export interface MemberChange {
  readonly kind: 'add' | 'remove' | 'set';
  readonly ids: readonly string[];
}

export interface GroupChange {
  readonly group: ScimGroup;
  readonly members: readonly MemberChange[];
}

/** In one request. */
const MAX_MEMBERS = 10_000;

export function readGroup(body: unknown): Result<GroupChange, ScimFault> {
  if (!isAttributes(body)) return invalidSyntax('Expected a group as a JSON object.');
  const displayName = readText(attributeOf(body, 'displayName'), 'displayName');
  const externalId = readText(attributeOf(body, 'externalId'), 'externalId');
  const ids = readMembers(attributeOf(body, 'members'));
  if (!displayName.ok) return displayName;
  if (!externalId.ok) return externalId;
  if (!ids.ok) return ids;
  const group = checkGroup({ displayName: displayName.value ?? '', externalId: externalId.value });
  return group.ok ? ok({ group: group.value, members: [{ kind: 'set', ids: ids.value }] }) : group;
}

/** A name that a policy could not write would be nobody's. */
function checkGroup(group: ScimGroup): Result<ScimGroup, ScimFault> {
  const { displayName } = group;
  if (displayName === '') return invalidValue('displayName is missing: it is what policies call the group by.');
  if (SCIM_PREFIX.length + displayName.length > MAX_GROUP_CHARACTERS)
    return invalidValue(`displayName: at most ${MAX_GROUP_CHARACTERS - SCIM_PREFIX.length} characters.`);
  if (withUnseenShown(displayName) !== undefined)
    return invalidValue('displayName has a character that nobody sees. Rename the group.');
  return ok(group);
}

export function patchGroup(group: ScimGroup, operations: readonly ScimOperation[]): Result<GroupChange, ScimFault> {
  let patched = group;
  const members: MemberChange[] = [];
  for (const { op, path, value } of operations) {
    if (path?.attribute === 'members') {
      const change = memberChange({ op, path, value });
      if (!change.ok) return change;
      members.push(change.value);
    } else if (path?.attribute === 'displayname' || path?.attribute === 'externalid') {
      const key = path.attribute === 'displayname' ? 'displayName' : 'externalId';
      const text = op === 'remove' ? ok(undefined) : readText(value, key);
      if (!text.ok) return text;
      patched = { ...patched, [key]: text.value ?? (key === 'displayName' ? '' : undefined) };
    }
  }
  const checked = checkGroup(patched);
  return checked.ok ? ok({ group: checked.value, members }) : checked;
}

function memberChange({ op, path, value }: ScimOperation): Result<MemberChange, ScimFault> {
  if (path?.filter) {
    // `members[value eq "ID"]`: Okta's way to remove one.
    const [only, more] = path.filter;
    if (op !== 'remove' || more || only?.attribute !== 'value' || typeof only.value !== 'string')
      return scimFault(400, 'members: only remove takes a filter, members[value eq "ID"].', 'invalidPath');
    return ok({ kind: 'remove', ids: [only.value] });
  }
  const ids = readMembers(value);
  if (!ids.ok) return ids;
  if (op !== 'remove') return ok({ kind: op === 'add' ? 'add' : 'set', ids: ids.value });
  // Entra ID names whom it removes; without a value all go (RFC 7644, section 3.5.2.2).
  return ok(value === undefined || value === null ? { kind: 'set', ids: [] } : { kind: 'remove', ids: ids.value });
}

function readMembers(value: unknown): Result<readonly string[], ScimFault> {
  if (value === undefined || value === null) return ok([]);
  const listed = Array.isArray(value) ? value : [value];
  if (listed.length > MAX_MEMBERS) return scimFault(400, `members: at most ${MAX_MEMBERS} in one request.`, 'tooMany');
  const ids: string[] = [];
  for (const one of listed) {
    const id = isAttributes(one) ? attributeOf(one, 'value') : one;
    if (typeof id !== 'string' || id === '' || id.length > 100) return invalidValue('members: expected ids of users.');
    const type = isAttributes(one) ? attributeOf(one, 'type') : undefined;
    if (typeof type === 'string' && type.toLowerCase() === 'group')
      return invalidValue('members: groups within groups are not supported. Have the directory send their people.');
    ids.push(id);
  }
  return ok([...new Set(ids)]);
}
