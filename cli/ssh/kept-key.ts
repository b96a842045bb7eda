// A key that stays, with a certificate that is renewed: for ssh's own configuration, which names files. Many may run at once.

import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import type { GrantId } from '../../core/ids.ts';
import type { ResourceName } from '../../core/resource.ts';
import { fromBase64 } from '../../core/scram.ts';
import { readCertificate } from '../../core/ssh/certificate.ts';
import { grantOf } from '../../core/ssh/grant-certificate.ts';
import type { AccessOptions } from '../access/ask-access.ts';
import { liveGrants } from '../access/kept-grant.ts';
import type { ApiClient } from '../api-client.ts';
import { usage } from '../failure.ts';
import { codeOf, isCode } from '../files/file-error.ts';
import { makeFolder } from '../files/make-folder.ts';
import { newSshKey, publicLineOf } from './private-key.ts';
import { askGrant, certify } from './sign-in.ts';
import { filesOf, type SshFiles } from './ssh-files.ts';

/** A certificate with less left is made anew: ssh looks at it, connects, and then shows it. */
const LEAST_LEFT_MS = 60_000;

interface KeptCertificate extends SshFiles {
  readonly resource: ResourceName;
  readonly grant: GrantId;
  /** ISO 8601: the certificate's end. */
  readonly until: string;
}

export async function keepCertified(
  client: ApiClient,
  resource: ResourceName,
  options: AccessOptions,
  folder: string,
): Promise<KeptCertificate> {
  const files = filesOf(folder, resource);
  try {
    await makeFolder(folder, 0o700);
    const live = await liveGrants(client, resource);
    const kept = await readKept(files, live);
    if (kept) return { ...files, resource, ...kept };
    const publicLine = await keepKey(files.identityFile);
    const issued = await certify(client, live[0] ?? (await askGrant(client, resource, options)), publicLine);
    await replace(files.knownHostsFile, issued.knownHosts.map((known) => `${known}\n`).join(''));
    await replace(files.certificateFile, `${issued.certificate}\n`);
    return { ...files, resource, grant: issued.grant, until: issued.until };
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw usage(`cannot keep a key in ${folder}: ${codeOf(error)}`);
    throw error;
  }
}

/** What an earlier run left, where it is good for a while and its grant is live. */
async function readKept(
  { identityFile, certificateFile }: SshFiles,
  live: readonly GrantId[],
): Promise<{ grant: GrantId; until: string } | undefined> {
  try {
    await readFile(identityFile);
    const [, encoded = ''] = (await readFile(certificateFile, 'utf8')).split(' ');
    const certificate = readCertificate(fromBase64(encoded.trim()));
    const grant = certificate && grantOf(certificate)?.id;
    const untilMs = Number(certificate?.validBefore ?? 0n) * 1000;
    if (!grant || !live.includes(grant) || untilMs - Date.now() < LEAST_LEFT_MS) return undefined;
    return { grant, until: new Date(untilMs).toISOString() };
  } catch {
    return undefined;
  }
}

/** Made once: whoever comes second uses the first one's. Answers with its public line. */
async function keepKey(file: string): Promise<string> {
  const { privateFile, publicLine } = newSshKey();
  const mine = temporary(file);
  await writeFile(mine, privateFile.reveal(), { mode: 0o600 });
  try {
    await link(mine, file);
    return publicLine;
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
  } finally {
    await rm(mine, { force: true });
  }
  const first = publicLineOf(await readFile(file, 'utf8'));
  if (first === undefined) throw usage(`${file} is no key that Gatehouse made: remove it`);
  return first;
}

const temporary = (file: string): string => `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;

async function replace(file: string, text: string): Promise<void> {
  const partial = temporary(file);
  await writeFile(partial, text, { mode: 0o600 });
  await rename(partial, file);
}
