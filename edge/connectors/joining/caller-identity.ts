// What STS answers to GetCallerIdentity, read strictly: the document as it is documented, in any order of its three values, and
// nothing else. No entity, comment, attribute or second element is read, since none belongs there.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html

import { err, ok, type Result } from '../../../core/result.ts';

interface CallerIdentity {
  readonly arn: string;
  readonly userId: string;
  /** Twelve digits. */
  readonly account: string;
}

const VALUE = String.raw`\s*<(Arn|UserId|Account)>([^<>&\s]{1,2048})</\1>`;
const ANSWER = new RegExp(
  [
    String.raw`^<GetCallerIdentityResponse xmlns="https://sts\.amazonaws\.com/doc/2011-06-15/">`,
    String.raw`\s*<GetCallerIdentityResult>`,
    ...[1, 3, 5].map((group) => VALUE.replace(String.raw`\1`, `\\${group}`)),
    String.raw`\s*</GetCallerIdentityResult>`,
    String.raw`\s*<ResponseMetadata>\s*<RequestId>[0-9A-Za-z-]{1,100}</RequestId>\s*</ResponseMetadata>`,
    String.raw`\s*</GetCallerIdentityResponse>\s*$`,
  ].join(''),
);

export function readCallerIdentity(text: string): Result<CallerIdentity, 'answer_unknown'> {
  const [, ...found] = ANSWER.exec(text) ?? [];
  const values = new Map<string, string>();
  for (let at = 0; at < found.length; at += 2) values.set(found[at] ?? '', found[at + 1] ?? '');
  const [arn, userId, account] = [values.get('Arn'), values.get('UserId'), values.get('Account')];
  if (arn === undefined || userId === undefined || !/^\d{12}$/.test(account ?? '')) return err('answer_unknown');
  return ok({ arn, userId, account: account ?? '' });
}
