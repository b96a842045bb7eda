// Public keys that people register for themselves. A key says who somebody is, and gives no access: that takes a live grant.

import type { NewKey, RegisteredKey } from '../../../core/api.ts';
import type { Identity } from '../../../core/identity.ts';
import { ok } from '../../../core/result.ts';
import { REGISTRATION_NAMESPACE, registrationText } from '../../../core/ssh/key-registration.ts';
import { fingerprintOf, readPublicLine } from '../../../core/ssh/public-key.ts';
import { isSignedText } from '../../../core/ssh/signed-text.ts';
import type { Answer, Gatehouse } from '../../gatehouse.ts';
import { fault, note, type UseCaseDeps } from '../deps.ts';

export const personKeyUseCases = (deps: UseCaseDeps): Pick<Gatehouse, 'keys' | 'addKey' | 'removeKey'> => ({
  keys: async (who) => ok(await deps.directory.keysOf(who.email)),
  addKey: (who, key) => addKey(deps, who, key),
  async removeKey(who, fingerprint) {
    const key = (await deps.directory.keysOf(who.email)).find((one) => one.fingerprint === fingerprint);
    if (!key) return fault('not_found', 'There is no such key among yours.');
    await note(deps, { kind: 'key.removed', actor: who.email, object: fingerprint, details: { name: key.name } });
    await deps.directory.removeKey(who.email, fingerprint);
    return ok(key);
  },
});

async function addKey(deps: UseCaseDeps, who: Identity, { publicKey, name, signature }: NewKey): Answer<RegisteredKey> {
  if (!(await deps.directory.allow('certificate', who.email)))
    return fault('rate_limited', 'You have registered keys too often. Wait a minute.');
  const key = readPublicLine(publicKey);
  if (!key)
    return fault(
      'bad_request',
      'This is no public key that can be registered: expected the line of a file that ends in .pub, of an Ed25519, ECDSA or RSA key (RSA of 2048 to 8192 bits).',
    );
  const { origin } = new URL(deps.publicUrl);
  const text = registrationText(who.email, origin);
  if (!(await isSignedText(signature, key, { namespace: REGISTRATION_NAMESPACE, text })))
    return fault(
      'bad_request',
      `The holder of this key has not signed that it signs in ${who.email} at ${origin}: gatehouse keys add FILE, signed in there, does.`,
    );
  const fingerprint = await fingerprintOf(key.blob);
  const holder = await deps.directory.keyHolder(fingerprint);
  if (holder !== undefined && holder !== who.email) return TAKEN;
  await note(deps, {
    kind: 'key.added',
    actor: who.email,
    object: fingerprint,
    details: { type: key.type, ...(name !== '' && { name }) },
  });
  const added = await deps.directory.addKey(who.email, { fingerprint, type: key.type, name });
  if (added.ok) return added;
  const refused =
    added.error === 'taken'
      ? TAKEN
      : fault('conflict', 'You have as many keys as a person may have. Remove one first.');
  // What was written down first did not come to pass.
  await note(deps, {
    kind: 'attempt.refused',
    actor: who.email,
    object: fingerprint,
    details: { reason: added.error, wanted: 'key.added' },
  });
  return refused;
}

const TAKEN = fault('conflict', 'Somebody has registered this key already. A key is of one person: make another.');
