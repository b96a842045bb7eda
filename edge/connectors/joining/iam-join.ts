// Joining by an AWS IAM identity (docs/adr/0065): whose the signature is, STS says; that it was made for this edge, this key and now,
// its headers do; whether that role may have connectors, the settings.

import type { z } from 'zod';
import type { Joined } from '../../../core/connectors/join.ts';
import type { IamJoinRequest, IamNonce, IamNonceRequest } from '../../../core/connectors/iam-join.ts';
import {
  type AssumedRole,
  idOfTask,
  isSameRole,
  parseAssumedRole,
  roleArn,
} from '../../../core/connectors/iam-role.ts';
import { ok, type Result } from '../../../core/result.ts';
import type { Secret } from '../../../core/secret.ts';
import { iso } from '../../clock.ts';
import type { UseCaseFault } from '../../gatehouse.ts';
import type { AllowedRole } from '../../settings/connector-roles.ts';
import { fault, note, noteCounted, type UseCaseDeps } from '../../use-cases/deps.ts';
import { tellKeys } from '../../connector-keys/tell-keys.ts';
import { type AskSts, askSts, partitionOf, type StsFault } from './ask-sts.ts';
import { makeNonce, NONCE_MS, readNonce } from './nonce.ts';

export interface IamJoinDeps extends UseCaseDeps {
  readonly edgeSecret: Secret<Uint8Array<ArrayBuffer>>;
  /** CONNECTOR_IAM_ROLES. Empty: nobody joins so. */
  readonly iamRoles: readonly AllowedRole[];
  readonly askSts: AskSts;
}

type Refused =
  | 'no_roles'
  | 'region_unknown'
  | 'nonce_wrong'
  | 'nonce_used'
  | 'date_wrong'
  | Exclude<StsFault, 'sts_away'>
  | 'no_assumed_role'
  | 'account_differs'
  | 'partition_differs'
  | 'role_not_allowed'
  | 'connector_revoked'
  | 'key_known'
  | 'too_many';

const SENTENCES: Readonly<Record<Refused, string>> = {
  no_roles: 'No AWS identity may join here: name its role in CONNECTOR_IAM_ROLES, or join with a token.',
  region_unknown: 'There is no such AWS region here: sign for the region that the connector runs in.',
  nonce_wrong: 'The nonce is not one of this edge for this key, or is over. Ask for another.',
  nonce_used: 'This nonce was used. Ask for another.',
  date_wrong: "The signature's date is not of now. Check the connector's clock.",
  sts_refused: 'AWS does not take the signature: it was made for another request, or its credentials are over.',
  sts_redirected: 'AWS STS answered with a redirect, which is not followed.',
  answer_unknown: 'What AWS STS answered is not understood.',
  no_assumed_role: 'This AWS identity is no assumed role: connectors join as the role of a task, an instance or a pod.',
  account_differs: 'What AWS STS answered contradicts itself.',
  partition_differs: 'What AWS STS answered is of another partition of AWS than the one that was asked.',
  role_not_allowed: 'This role may have no connector of that name: add it to CONNECTOR_IAM_ROLES.',
  connector_revoked:
    'The connector of this task was revoked. Start another task, or take the role out of CONNECTOR_IAM_ROLES.',
  key_known: 'This key joined before. Start with an empty state directory.',
  too_many: 'This task joined too often. Start another.',
};

export async function iamNonce(
  deps: IamJoinDeps,
  { key }: z.infer<typeof IamNonceRequest>,
): Promise<Result<z.infer<typeof IamNonce>, UseCaseFault>> {
  if (deps.iamRoles.length === 0) return fault('forbidden', SENTENCES.no_roles);
  const made = await makeNonce(nonceDeps(deps), key, deps.clock.now(), deps.clock.random);
  return ok({ nonce: made.nonce, expiresAt: iso(made.expiresMs) });
}

export async function joinByIam(
  deps: IamJoinDeps,
  request: IamJoinRequest,
  address: string,
): Promise<Result<z.infer<typeof Joined>, UseCaseFault>> {
  const refused = async (reason: Refused, more: Record<string, string> = {}) => {
    const details = { reason, address, ...more };
    await noteCounted(deps, { kind: 'attempt.refused', actor: 'gatehouse', object: 'connector-join', details });
    return fault('forbidden', SENTENCES[reason]);
  };
  const early = await refusedBefore(deps, request);
  if (early !== undefined) return refused(early);
  // Last of all that costs nothing: each question is a request of ours that somebody else has us send.
  const often = fault('rate_limited', 'Joining is throttled: too many AWS identities were asked for. Wait a minute.');
  if (!(await deps.directory.allow('iam-join', address))) return often;
  if (!(await deps.directory.allow('iam-joins', 'all'))) return often;
  if (!(await deps.directory.burn(`iam-nonce ${request.nonce}`, deps.clock.now() + NONCE_MS)))
    return refused('nonce_used');
  const identity = await askSts(deps.publicUrl, request, deps.askSts);
  if (!identity.ok) {
    if (identity.error !== 'sts_away') return refused(identity.error);
    return fault('unavailable', 'AWS STS does not answer, so nobody can tell whose this identity is. Try again.');
  }
  const { arn, account, userId } = identity.value;
  const role = parseAssumedRole(arn);
  if (!role) return refused('no_assumed_role', { arn: arn.slice(0, 200) });
  if (role.account !== account || !userId.endsWith(`:${role.session}`)) return refused('account_differs');
  if (role.partition !== partitionOf(request.sts.region)) return refused('partition_differs');
  const allowed = allowedAs(deps, role, request.name);
  if (!allowed) return refused('role_not_allowed', { arn, name: request.name });
  return admit(deps, request, { ...role, site: allowed.site }, address, refused);
}

/** By what can be told without asking anybody. */
async function refusedBefore(deps: IamJoinDeps, request: IamJoinRequest): Promise<Refused | undefined> {
  const now = deps.clock.now();
  if (deps.iamRoles.length === 0) return 'no_roles';
  if (partitionOf(request.sts.region) === undefined) return 'region_unknown';
  if ((await readNonce(nonceDeps(deps), request, now)) === undefined) return 'nonce_wrong';
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(request.sts.date) ?? [];
  const signedMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // Neither is older than its nonce.
  return Math.abs(now - signedMs) < NONCE_MS ? undefined : 'date_wrong';
}

async function admit(
  deps: IamJoinDeps,
  { name, key }: IamJoinRequest,
  role: AssumedRole & Pick<AllowedRole, 'site'>,
  address: string,
  refused: (reason: Refused, more?: Record<string, string>) => Promise<ReturnType<typeof fault>>,
): Promise<Result<z.infer<typeof Joined>, UseCaseFault>> {
  const id = await idOfTask(role, name);
  const { site } = role;
  const invitedBy = `${roleArn(role)} ${role.session}`;
  if ((await deps.directory.connector(id))?.revoked) return refused('connector_revoked', { connector: id });
  await note(deps, {
    kind: 'connector.joined',
    actor: `connector:${id}`,
    object: name,
    details: { key, invitedBy, address, ...(site !== undefined && { site }) },
  });
  const joined = await deps.directory.joinByPrincipal({ id, name, key, site, principal: `${invitedBy} ${name}` });
  if (joined.ok) {
    await tellKeys(deps, joined.value);
    return ok({ connector: joined.value });
  }
  const reason = {
    revoked: 'connector_revoked',
    old_key_wrong: 'key_known',
    key_known: 'key_known',
    too_many: 'too_many',
  } as const;
  return refused(reason[joined.error], { connector: id });
}

const nonceDeps = ({ edgeSecret, publicUrl }: IamJoinDeps) => ({ edgeSecret, edge: publicUrl });

/** What is said of that very name goes before what is said of any. */
function allowedAs({ iamRoles }: IamJoinDeps, role: AssumedRole, name: string): AllowedRole | undefined {
  const own = iamRoles.filter((allowed) => isSameRole(allowed.role, role));
  return own.find((allowed) => allowed.name === name) ?? own.find((allowed) => allowed.name === undefined);
}
