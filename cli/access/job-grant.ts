// What a job keeps of its exchange (`gatehouse request --workload ... > FILE`), so that it can open tunnels: it has no login.

import { readFile, stat } from 'node:fs/promises';
import { IssuedGrant } from '../../core/api.ts';
import type { ResourceName } from '../../core/resource.ts';
import { secret } from '../../core/secret.ts';
import { ApiClient } from '../api-client.ts';
import { Failure, usage } from '../failure.ts';
import { codeOf } from '../files/file-error.ts';
import type { Terminal } from '../output.ts';
import { parseOrigin } from '../settings.ts';

/** Somebody who may open tunnels to the resource, and nothing else. */
export async function clientOfJob(file: string, resource: ResourceName, env: Terminal['env']): Promise<ApiClient> {
  if (!env.GATEHOUSE_URL)
    throw usage('GATEHOUSE_URL is not set: where Gatehouse is, such as https://gatehouse.example.com');
  const origin = parseOrigin(env.GATEHOUSE_URL);
  let text: string;
  try {
    const { mode } = await stat(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      throw usage(`--grant ${file} can be read by others: write it under umask 077, or chmod 600 it`);
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw usage(`cannot read --grant ${file}: ${codeOf(error)}`);
  }
  const { grant } = issuedIn(text) ?? {};
  if (!grant) throw usage(`--grant ${file} is not what gatehouse request --workload prints`);
  if (grant.resource !== resource)
    throw usage(`--grant ${file} is for ${grant.resource}: ask for another grant for ${resource}`);
  if (grant.tunnelToken === undefined)
    throw usage(`--grant ${file} has no tunnel token: it is of a person, who signs in, or of an earlier Gatehouse`);
  return new ApiClient({ origin, token: secret(grant.tunnelToken) });
}

function issuedIn(text: string): IssuedGrant | undefined {
  try {
    return IssuedGrant.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
