// Who this connector is: an Ed25519 key made on its first start, and the id under which the edge
// registered it. Kept in the state directory; the private key never leaves it.

import { createPrivateKey, createPublicKey, generateKeyPairSync, hkdfSync, type KeyObject } from 'node:crypto';
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
  /** PKCS #8, PEM: the key that is to take its place. The edge may have it already. */
  next: z.string().optional(),
  /** What was made of the first key, base64; missing: the key is the first. */
  derived: z.object({ masking: z.base64(), salts: z.base64() }).optional(),
  /** Public keys before this one, oldest first. Of the private ones nothing is left. */
  earlierKeys: z.array(z.string()).optional(),
});
type IdentityFile = z.infer<typeof IdentityFile>;

export interface ConnectorIdentity {
  readonly privateKey: KeyObject;
  /** Raw Ed25519 public key, base64url: what the edge registers and manifests name. */
  readonly publicKey: string;
  readonly joined: { readonly connector: ConnectorId; readonly edge: string; readonly at: string } | undefined;
  /** Undefined: no change of keys is under way. */
  readonly next: { readonly privateKey: KeyObject; readonly publicKey: string } | undefined;
  /** Made of the first key, and the same ever after: masked values stay equal, and answers to unknown claims alike. 32 bytes each. */
  readonly derived: { readonly masking: Uint8Array; readonly salts: Uint8Array };
  readonly earlierKeys: readonly string[];
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
    return save(state, { format: 1, privateKey: pem(generateKeyPairSync('ed25519').privateKey) });
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
  return save(state, { ...fileOf(identity), joined });
}

/** On disk before anybody hears of it: whatever stops the process from here on, the key is not lost. */
export function saveNextKey(state: string, identity: ConnectorIdentity): Result<ConnectorIdentity, string> {
  if (identity.next) return ok(identity);
  return save(state, { ...fileOf(identity), next: pem(generateKeyPairSync('ed25519').privateKey) });
}

/** The edge has the next key: it is the one, and the private half of the old is gone. */
export function saveRotated(state: string, identity: ConnectorIdentity): Result<ConnectorIdentity, string> {
  if (!identity.next) return ok(identity);
  const { next: _, ...file } = fileOf(identity);
  const { masking, salts } = identity.derived;
  return save(state, {
    ...file,
    privateKey: pem(identity.next.privateKey),
    derived: { masking: base64(masking), salts: base64(salts) },
    earlierKeys: [...identity.earlierKeys, identity.publicKey],
  });
}

const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

function fileOf({ privateKey, joined, next, derived, earlierKeys }: ConnectorIdentity): IdentityFile {
  return {
    format: 1,
    privateKey: pem(privateKey),
    ...(joined && { joined }),
    ...(next && { next: pem(next.privateKey) }),
    ...(earlierKeys.length > 0 && {
      earlierKeys: [...earlierKeys],
      derived: { masking: base64(derived.masking), salts: base64(derived.salts) },
    }),
  };
}

function save(state: string, file: IdentityFile): Result<ConnectorIdentity, string> {
  try {
    writeAtomically(pathIn(state), `${JSON.stringify(file, null, 2)}\n`);
    return ok(identityOf(file));
  } catch (error) {
    return err(`state directory ${state} is not writable (${code(error)}): the connector keeps its key there`);
  }
}

function identityOf({ joined, next, earlierKeys = [], ...file }: IdentityFile): ConnectorIdentity {
  const own = pairOf(file.privateKey);
  return {
    ...own,
    joined,
    next: next === undefined ? undefined : pairOf(next),
    derived: file.derived
      ? { masking: Buffer.from(file.derived.masking, 'base64'), salts: Buffer.from(file.derived.salts, 'base64') }
      : derivedFrom(own.privateKey),
    earlierKeys,
  };
}

function pairOf(text: string): { readonly privateKey: KeyObject; readonly publicKey: string } {
  const privateKey = createPrivateKey(text);
  const publicKey = createPublicKey(privateKey).export({ format: 'jwk' }).x;
  if (privateKey.asymmetricKeyType !== 'ed25519' || publicKey === undefined) throw new Error('not an Ed25519 key');
  return { privateKey, publicKey };
}

/** The labels are as they were when each was made where it is used. */
function derivedFrom(key: KeyObject): ConnectorIdentity['derived'] {
  const of = (label: string) =>
    new Uint8Array(hkdfSync('sha256', key.export({ type: 'pkcs8', format: 'der' }), '', label, 32));
  return {
    masking: of('gatehouse connector: masked values'),
    salts: of('gatehouse connector: salts of unknown claims'),
  };
}

const code = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown error';
