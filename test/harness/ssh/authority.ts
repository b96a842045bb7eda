// An SSH authority and keys of people, made by ssh-keygen: what the edge signs, and what it never would.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TestAuthority {
  /** As it is on the wire. */
  readonly publicKey: Buffer;
  /** Path of a new private key. */
  newKey(type?: 'ed25519' | 'ecdsa' | 'rsa'): string;
  /** Certifies a key by ssh-keygen: `-n web`. Answers with the certificate's path. */
  certify(key: string, keyId: string, options: readonly string[], by?: string): string;
  /** The same of a public line; answers with the certificate's line. */
  certifyLine(publicLine: string, keyId: string, options: readonly string[]): string;
  readonly keyFile: string;
  remove(): void;
}

export function makeTestAuthority(): TestAuthority {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-authority-'));
  let made = 0;
  const keygen = (args: readonly string[]) => {
    const { status, stderr } = spawnSync('ssh-keygen', ['-q', ...args]);
    if (status !== 0) throw new Error(`ssh-keygen: ${stderr.toString()}`);
  };
  const newKey = (type = 'ed25519') => {
    const file = join(directory, `key${++made}`);
    keygen(['-t', type, ...(type === 'rsa' ? ['-b', '2048'] : []), '-N', '', '-C', 'test', '-f', file]);
    return file;
  };
  const keyFile = newKey();
  return {
    keyFile,
    publicKey: wireOf(`${keyFile}.pub`),
    newKey,
    certify(key, keyId, options, by = keyFile) {
      keygen(['-s', by, '-I', keyId, ...options, `${key}.pub`]);
      return `${key}-cert.pub`;
    },
    certifyLine(publicLine, keyId, options) {
      const file = join(directory, `key${++made}`);
      writeFileSync(`${file}.pub`, `${publicLine}\n`);
      keygen(['-s', keyFile, '-I', keyId, ...options, `${file}.pub`]);
      return readFileSync(`${file}-cert.pub`, 'utf8').trim();
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** What a public file says, as it is on the wire. */
export const wireOf = (file: string): Buffer => Buffer.from(readFileSync(file, 'utf8').split(' ')[1] ?? '', 'base64');
