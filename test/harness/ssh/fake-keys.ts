// One person's registered keys in memory. Whether the signature is the key's is proven by the edge's own tests: here it only
// has to look like one.

import type { RegisteredKey } from '../../../core/api.ts';
import type { Identity } from '../../../core/identity.ts';
import { err, ok } from '../../../core/result.ts';
import { fingerprintOf, readPublicLine } from '../../../core/ssh/public-key.ts';
import type { Gatehouse } from '../../../edge/gatehouse.ts';

interface FakeKeysDeps {
  now(): number;
  note(method: string, who: Identity, object?: string): void;
}

export function fakeKeys({ now, note }: FakeKeysDeps): Pick<Gatehouse, 'keys' | 'addKey' | 'removeKey'> {
  const keys: RegisteredKey[] = [];
  return {
    keys: async () => ok([...keys]),
    async addKey(who, { publicKey, name, signature }) {
      note('addKey', who, name);
      const key = readPublicLine(publicKey);
      if (!key || !signature.startsWith('-----BEGIN SSH SIGNATURE-----'))
        return err({ reason: 'bad_request', message: 'The holder of this key has not signed that it signs in you.' });
      const [addedAt, expiresAt] = [now(), now() + 90 * 86_400_000].map((ms) => new Date(ms).toISOString());
      const added = { fingerprint: await fingerprintOf(key.blob), type: key.type, name, addedAt, expiresAt };
      keys.unshift(added as RegisteredKey);
      return ok(added as RegisteredKey);
    },
    async removeKey(who, fingerprint) {
      note('removeKey', who, fingerprint);
      const at = keys.findIndex((key) => key.fingerprint === fingerprint);
      const [removed] = at < 0 ? [] : keys.splice(at, 1);
      return removed ? ok(removed) : err({ reason: 'not_found', message: 'There is no such key among yours.' });
    },
  };
}
