// A credential in a file, read anew for every session, so that a rotated secret (Kubernetes, Vault
// agent) is used without a restart. One line ending at the end is not part of it.

import { open } from 'node:fs/promises';
import { err, ok } from '../../core/result.ts';
import { secret } from '../../core/secret.ts';
import type { Logger } from '../logger.ts';
import { type Credential, MAX_CREDENTIAL_BYTES, valueProblem } from './credential.ts';

const WORLD_READABLE = 0o004;

export function fileCredential(path: string, log: Logger): Credential {
  let warned = false;
  const fault = (message: string) => err({ reason: 'credential_unavailable' as const, message });

  return {
    async fetch() {
      try {
        await using file = await open(path, 'r');
        const stat = await file.stat();
        if (!stat.isFile()) return fault(`${path} is not a regular file`);
        if ((stat.mode & WORLD_READABLE) !== 0 && !warned) {
          warned = true;
          log.warn('credential.exposed', {
            path,
            message: `every user of this machine can read ${path}: chmod 600 it`,
          });
        }
        // One byte over the cap (and its line ending) is enough to know that it is too long.
        const buffer = Buffer.alloc(MAX_CREDENTIAL_BYTES + 3);
        const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
        const value = buffer
          .subarray(0, bytesRead)
          .toString('utf8')
          .replace(/\r?\n$/, '');
        buffer.fill(0);
        const problem = valueProblem(value);
        return problem === undefined ? ok(secret(value)) : fault(`${path} ${problem}`);
      } catch (error) {
        return fault(`${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
      }
    },
  };
}
