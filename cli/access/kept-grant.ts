// Secrets of grants that this program asked for, kept as the login is: a secret is shown once, and a client is run more than once.

import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { GrantList, Me } from '../../core/api.ts';
import { GrantId } from '../../core/ids.ts';
import type { ResourceName } from '../../core/resource.ts';
import { type Secret, secret } from '../../core/secret.ts';
import type { ApiClient } from '../api-client.ts';
import { Failure, usage } from '../failure.ts';
import { codeOf } from '../files/file-error.ts';
import { makeFolder } from '../files/make-folder.ts';
import { type AccessOptions, askForGrant } from './ask-access.ts';

const Kept = z.object({ grant: GrantId, secret: z.string().min(1) });

/**
 * Of a live grant of one's own: the one that an earlier run kept in `folder`, or a new one's. `variable`: how a person gives one
 * that was got elsewhere.
 */
export async function secretOfGrant(
  client: ApiClient,
  resource: ResourceName,
  options: AccessOptions,
  { folder, variable }: { readonly folder: string; readonly variable: string },
): Promise<Secret<string>> {
  const file = join(folder, resource);
  const kept = await readKept(file);
  if (kept && (await liveGrants(client, resource)).includes(kept.grant)) return secret(kept.secret);
  const answer = await askForGrant(client, resource, options);
  if ('live' in answer)
    throw new Failure(
      1,
      'secret_elsewhere',
      `you hold a live grant for ${resource}, whose secret was shown elsewhere: set ${variable} to it, or end that grant (gatehouse revoke ${answer.live.id}) and run this again`,
    );
  const { id, secret: shown } = answer.grant;
  try {
    await makeFolder(folder, 0o700);
    const partial = `${file}.${process.pid}`;
    await writeFile(partial, JSON.stringify({ grant: id, secret: shown }), { mode: 0o600 });
    await rename(partial, file);
  } catch (error) {
    throw usage(`cannot keep the grant's secret in ${folder}: ${codeOf(error)}`);
  }
  return secret(shown);
}

async function readKept(file: string): Promise<z.infer<typeof Kept> | undefined> {
  try {
    return Kept.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Of this person's grants for the resource those that are live, the one that lasts longest first. */
export async function liveGrants(client: ApiClient, resource: ResourceName): Promise<readonly GrantId[]> {
  const [{ identity }, { grants }] = await Promise.all([client.get('/me', Me), client.get('/grants', GrantList)]);
  return grants
    .filter((grant) => grant.resource === resource && grant.state === 'active' && grant.email === identity.email)
    .sort((a, b) => Date.parse(b.until) - Date.parse(a.until))
    .map(({ id }) => id);
}
