// People and groups as a directory keeps them here over SCIM, and the tokens that it does so with.

import type { ScimTokenId } from '../../core/ids.ts';
import type { ListedScimToken, ScimStanding } from '../../core/people/scim-tokens.ts';
import type { Result } from '../../core/result.ts';
import type { ScimFault } from '../scim/fault.ts';
import type { Comparison } from '../scim/filter.ts';
import type { GroupChange, ScimGroup } from '../scim/group.ts';
import type { ScimOperation } from '../scim/operations.ts';
import type { ScimUser } from '../scim/user.ts';

export interface ProvisioningPort {
  // --- asked at a sign-in ---

  /** By any of their addresses. `unknown`: no directory told of them. */
  standingOf(email: string): Promise<PersonStanding>;

  // --- tokens, known by their hashes ---

  /** undefined: there are as many as there may be. */
  addToken(token: NewScimToken): Promise<ListedScimToken | undefined>;
  revokeToken(id: ScimTokenId): Promise<ListedScimToken | undefined>;
  /** Of the token with this hash; undefined: there is none. */
  tokenOf(hash: string): Promise<ScimTokenId | undefined>;
  standing(): Promise<Omit<ScimStanding, 'endpoint'>>;
  /** Names of all groups. */
  groupNames(): Promise<string[]>;

  // --- SCIM; `by`: for the audit log. A change is answered when what follows from it is done. ---

  addUser(by: string, user: ScimUser): Promise<Result<StoredUser, ScimFault>>;
  user(id: string): Promise<StoredUser | undefined>;
  users(query: ScimQuery): Promise<Result<ScimPage<StoredUser>, ScimFault>>;
  changeUser(
    by: string,
    id: string,
    change: UserChange,
    version: number | undefined,
  ): Promise<Result<StoredUser, ScimFault>>;
  deleteUser(by: string, id: string, version: number | undefined): Promise<Result<undefined, ScimFault>>;
  addGroup(by: string, change: GroupChange): Promise<Result<StoredGroup, ScimFault>>;
  group(id: string, withMembers: boolean): Promise<StoredGroup | undefined>;
  groups(query: ScimQuery, withMembers: boolean): Promise<Result<ScimPage<StoredGroup>, ScimFault>>;
  changeGroup(
    by: string,
    id: string,
    change: GroupWrite,
    version: number | undefined,
  ): Promise<Result<StoredGroup, ScimFault>>;
  deleteGroup(by: string, id: string, version: number | undefined): Promise<Result<undefined, ScimFault>>;
}

interface NewScimToken {
  readonly id: ScimTokenId;
  readonly hash: string;
  readonly name: string;
  readonly by: string;
}

export type PersonStanding =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'inactive' }
  /** `groups`: as policies call them. */
  | { readonly kind: 'active'; readonly groups: readonly string[] };

export interface ScimQuery {
  readonly filter: readonly Comparison[];
  /** From 1. */
  readonly startIndex: number;
  readonly count: number;
}

export interface ScimPage<T> {
  readonly total: number;
  readonly found: readonly T[];
}

/** The whole anew, or a PATCH. */
export type UserChange =
  | { readonly kind: 'replace'; readonly body: unknown }
  | { readonly kind: 'patch'; readonly operations: readonly ScimOperation[] };

export type GroupWrite =
  | ({ readonly kind: 'replace' } & GroupChange)
  | { readonly kind: 'patch'; readonly operations: readonly ScimOperation[] };

interface Kept {
  readonly id: string;
  readonly version: number;
  readonly createdMs: number;
  readonly changedMs: number;
}

export interface StoredUser extends ScimUser, Kept {
  readonly groups: readonly { readonly id: string; readonly displayName: string }[];
}

export interface StoredGroup extends ScimGroup, Kept {
  readonly members?: readonly { readonly id: string; readonly userName: string }[];
}
