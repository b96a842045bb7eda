// AWS roles that connectors join by, and the ids that their tasks get. A role is named as IAM does, without a path: the name alone is
// unique in an account, and the ARN of an assumed role has no path to compare. What STS answers is
// `arn:PARTITION:sts::ACCOUNT:assumed-role/NAME/SESSION`.
//
// A task's connector has an id that is derived: 13 characters from role and connector name, 13 from the session. So tasks of one role
// and name share the beginning of their ids, and with it one prefix of the object store.

import { z } from 'zod';
import type { ConnectorId } from '../ids.ts';

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: names of roles. */
const ROLE_ARN = /^arn:(aws|aws-cn|aws-us-gov):iam::(\d{12}):role\/([\w+=,.@-]{1,64})$/;
/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: names of role sessions. */
const ASSUMED_ROLE_ARN =
  /^arn:(aws|aws-cn|aws-us-gov):sts::(\d{12}):assumed-role\/([\w+=,.@-]{1,64})\/([\w+=,.@-]{2,64})$/;

const WAY_OUT = 'expected arn:aws:iam::ACCOUNT:role/NAME, the account in twelve digits, without a path and without *';

export interface RoleName {
  readonly partition: string;
  readonly account: string;
  readonly name: string;
}

export const IamRole = z.string().transform((text, context): RoleName => {
  const [, partition, account, name] = ROLE_ARN.exec(text) ?? [];
  if (partition !== undefined && account !== undefined && name !== undefined) return { partition, account, name };
  context.addIssue({ code: 'custom', message: WAY_OUT });
  return z.NEVER;
});

export interface AssumedRole extends RoleName {
  /** ECS: the task's id. EC2: the instance's id. */
  readonly session: string;
}

/** undefined: a user, the account's root, a federated user, or what is no ARN. */
export function parseAssumedRole(arn: string): AssumedRole | undefined {
  const [, partition, account, name, session] = ASSUMED_ROLE_ARN.exec(arn) ?? [];
  if (partition === undefined || account === undefined || name === undefined || session === undefined) return undefined;
  return { partition, account, name, session };
}

export const isSameRole = (one: RoleName, other: RoleName): boolean =>
  one.partition === other.partition && one.account === other.account && one.name === other.name;

export const roleArn = ({ partition, account, name }: RoleName): string =>
  `arn:${partition}:iam::${account}:role/${name}`;

/** What the first half of an id is the SHA-256 of. `connector`: its name. */
export const roleText = (role: RoleName, connector: string): string =>
  `gatehouse connectors of a role v1\n${roleArn(role)}\n${connector}\n`;
const taskText = (session: string): string => `gatehouse connector of a session v1\n${session}\n`;

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const HALF = 13;

/** 65 bits of a digest as 13 characters. */
function half(digest: Uint8Array): string {
  let text = '';
  for (let at = 0; at < HALF; at++) {
    const bit = at * 5;
    const two = ((digest[bit >> 3] ?? 0) << 8) | (digest[(bit >> 3) + 1] ?? 0);
    text += ALPHABET.charAt((two >> (11 - (bit & 7))) & 31);
  }
  return text;
}

/** `digest`: SHA-256 of `roleText`. */
export const idPrefixOf = (digest: Uint8Array): `con_${string}` => `con_${half(digest)}`;

export async function idOfTask(role: AssumedRole, connector: string): Promise<ConnectorId> {
  const hash = async (text: string) =>
    new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  const [site, task] = await Promise.all([hash(roleText(role, connector)), hash(taskText(role.session))]);
  return `${idPrefixOf(site)}${half(task)}` as ConnectorId;
}
