// Who this connector is: an Ed25519 key made on its first start, and the id under which the edge
// registered it. Kept in the state directory; the private key never leaves it.

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ConnectorId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { writeAtomically } from './atomic-file.ts';
import { makeStateFolder } from './make-folder.ts';

const IdentityFile = z.object({
  format: z.literal(1),
  /** PKCS #8, PEM. */
  privateKey: z.string(),
  /** Missing until the edge accepted the join token. `edge` is its origin. */
  joined: z.object({ connector: ConnectorId, edge: z.string(), at: z.iso.datetime() }).optional(),
});
type IdentityFile = z.infer<typeof IdentityFile>;

export interface ConnectorIdentity {
  readonly privateKey: KeyObject;
  /** Raw Ed25519 public key, base64url: what the edge registers and manifests name. */
  readonly publicKey: string;
  readonly joined: { readonly connector: ConnectorId; readonly edge: string } | undefined;
}

const pathIn = (state: string): string => join(state, 'identity.json');

/** Under which id this state directory's connector is known, and where; undefined also where there is none yet. Makes nothing. */
export function readJoined(state: string): ConnectorIdentity['joined'] {
  try {
    return IdentityFile.parse(JSON.parse(readFileSync(pathIn(state), 'utf8'))).joined;
  } catch {
    return undefined;
  }
}

/** Makes the directory and the key when they are missing. The fault is one sentence for the operator. */
export function loadIdentity(state: string): Result<ConnectorIdentity, string> {
  const path = pathIn(state);
  try {
    makeStateFolder(state, 0o700);
  } catch (error) {
    return err(`state directory ${state} cannot be made (${code(error)}): choose another with --state`);
  }
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (code(error) !== 'ENOENT') return err(`${path} cannot be read (${code(error)})`);
    const { privateKey } = generateKeyPairSync('ed25519');
    return save(state, { format: 1, privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() });
  }
  try {
    return ok(identityOf(IdentityFile.parse(JSON.parse(text))));
  } catch {
    // Neither parser's message is passed on: both may quote the key.
    return err(`${path} is damaged: restore it, or remove it and join again with a new token`);
  }
}

/** Remembers the id that the edge gave. */
export function saveJoined(
  state: string,
  identity: ConnectorIdentity,
  joined: { readonly connector: ConnectorId; readonly edge: string; readonly at: string },
): Result<ConnectorIdentity, string> {
  const privateKey = identity.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return save(state, { format: 1, privateKey, joined });
}

function save(state: string, file: IdentityFile): Result<ConnectorIdentity, string> {
  try {
    writeAtomically(pathIn(state), `${JSON.stringify(file, null, 2)}\n`);
    return ok(identityOf(file));
  } catch (error) {
    return err(`state directory ${state} is not writable (${code(error)}): the connector keeps its key there`);
  }
}

function identityOf(file: IdentityFile): ConnectorIdentity {
  const privateKey = createPrivateKey(file.privateKey);
  const publicKey = createPublicKey(privateKey).export({ format: 'jwk' }).x;
  if (privateKey.asymmetricKeyType !== 'ed25519' || publicKey === undefined) throw new Error('not an Ed25519 key');
  return { privateKey, publicKey, joined: file.joined };
}

const code = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown error';
