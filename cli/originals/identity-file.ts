// Identities of age, as age-keygen writes them: a line each, and comments. They never leave this machine, and stand on no command line.

import { open } from 'node:fs/promises';
import { Decrypter } from 'age-encryption';
import { type Secret, secret } from '../../core/secret.ts';
import { usage } from '../failure.ts';
import { codeOf } from '../files/file-error.ts';

const MAX_FILE_BYTES = 64 * 1024;
/** Anybody but its owner. */
const OTHERS = 0o077;

/** Throws a usage error: no such file, one that others may read, or none of age's. Its words quote nothing of it. */
export async function readIdentities(path: string): Promise<readonly Secret<string>[]> {
  const text = await readPrivate(path);
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const identities = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (identities.length === 0)
    throw usage(`--identity: ${path} has no identity: expected a file that age-keygen makes`);
  for (const [index, line] of identities.entries()) {
    try {
      new Decrypter().addIdentity(line);
    } catch {
      const what = line.startsWith('age1')
        ? 'is a public key: the file with the identity is wanted'
        : 'is no identity of age';
      throw usage(`--identity: line ${index + 1} of ${path} (comments not counted) ${what}`);
    }
  }
  return identities.map((line) => secret(line));
}

async function readPrivate(path: string): Promise<string> {
  const failed = (error: unknown): never => {
    throw usage(`--identity: cannot read ${path}: ${codeOf(error)}`);
  };
  const file = await open(path, 'r').catch(failed);
  try {
    const { mode, size } = await file.stat();
    if (process.platform !== 'win32' && (mode & OTHERS) !== 0)
      throw usage(`--identity: others on this machine may read ${path}: chmod 600 ${path}, and consider a new key`);
    if (size > MAX_FILE_BYTES) throw usage(`--identity: ${path} is too large to be an identity of age`);
    return await file.readFile('utf8').catch(failed);
  } finally {
    await file.close();
  }
}
