// The key by which clients know a listener: made on the first start and kept in the connector's state directory.

import { createHash } from 'node:crypto';
import { err, ok, type Result } from '../../../../core/result.ts';
import { readCertificate } from '../../../../core/ssh/certificate.ts';
import type { KeptFiles } from '../../../protocol.ts';
import { newEd25519Key, type ParsedKey, parsePrivateKey } from './ssh2.ts';

const FILE = 'ssh-host-key';

/** Without `files`: a key that lasts as long as the process. The error is for the operator. */
export function loadHostKey(files: KeptFiles | undefined): Result<ParsedKey, string> {
  const text = files ? files.keep(FILE, newEd25519Key) : ok(newEd25519Key());
  if (!text.ok) return text;
  const key = parsePrivateKey(text.value);
  // Another key would look to every client like an attack, so none is made in its place.
  return key
    ? ok(key)
    : err(`${FILE} in the state directory is damaged: restore it, or remove it and tell everybody the new host key`);
}

/** `ssh-ed25519 AAAA...`, as it stands in known_hosts behind the host. */
export const publicLine = (key: Pick<ParsedKey, 'type' | 'getPublicSSH'>): string =>
  `${key.type} ${key.getPublicSSH().toString('base64')}`;

/** `SHA256:...`, as OpenSSH shows it. `key`: as it is on the wire. */
export const fingerprint = (key: Uint8Array): string =>
  `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;

/** What a listener shows of its key's certificate. */
export class HostCertificate {
  readonly #key: Pick<ParsedKey, 'getPublicSSH'>;
  readonly #now: () => number;
  #held: { readonly blob: Buffer; readonly untilMs: number } | undefined;

  constructor(key: Pick<ParsedKey, 'getPublicSSH'>, now: () => number = Date.now) {
    this.#key = key;
    this.#now = now;
  }

  /** As it is on the wire; undefined: there is none, or it has ended. */
  get current(): Uint8Array | undefined {
    return this.#held && this.#held.untilMs > this.#now() ? this.#held.blob : undefined;
  }

  /** `ssh-ed25519-cert-v01@openssh.com AAAA...`. Undefined: it is none of this key that holds now. */
  take(line: string): number | undefined {
    const blob = Buffer.from(line.split(' ')[1] ?? '', 'base64');
    const certificate = readCertificate(blob);
    if (certificate?.type !== 'host' || !this.#key.getPublicSSH().equals(certificate.key.blob)) return undefined;
    const untilMs = Number(certificate.validBefore) * 1000;
    const now = this.#now();
    if (Number(certificate.validAfter) * 1000 > now || untilMs <= now) return undefined;
    this.#held = { blob, untilMs };
    return untilMs;
  }
}
