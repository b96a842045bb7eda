// Certificates of people's keys, for a grant that is live: its holder signs in with the key in place of the secret. What is
// certified here opens nothing by itself: the edge is asked again when a session begins.

import type { IssuedSshCertificate } from '../../../core/api.ts';
import type { GrantId } from '../../../core/ids.ts';
import type { Identity } from '../../../core/identity.ts';
import { ok } from '../../../core/result.ts';
import { grantCertificateTerms } from '../../../core/ssh/grant-certificate.ts';
import { fingerprintOf, readPublicLine } from '../../../core/ssh/public-key.ts';
import { iso } from '../../clock.ts';
import type { Answer, Gatehouse } from '../../gatehouse.ts';
import { hostKeysOf } from '../fleet/replicas.ts';
import { sshPlace } from '../../grants/ssh-lines.ts';
import { fault, note, noteCounted, type UseCaseDeps } from '../deps.ts';

export const certifyGrantUseCases = (deps: UseCaseDeps): Pick<Gatehouse, 'certifyGrant'> => ({
  certifyGrant: (who, grant, publicKey) => certifyGrant(deps, who, grant, publicKey),
});

async function certifyGrant(
  deps: UseCaseDeps,
  who: Identity,
  id: GrantId,
  publicKey: string,
): Answer<IssuedSshCertificate> {
  // Each is written down.
  if (!(await deps.directory.allow('certificate', who.email)))
    return fault('rate_limited', 'You have had keys certified too often. Wait a minute.');
  const key = readPublicLine(publicKey);
  if (!key)
    return fault(
      'bad_request',
      'This is no public key that can be certified: expected the line of a file that ends in .pub, of an Ed25519, ECDSA or RSA key (RSA of 2048 to 8192 bits).',
    );
  const stored = await deps.grants.find(id);
  // Administrators neither: a certificate is as good as the secret. Others' grants are not told apart from none.
  if (stored?.grant.email !== who.email) {
    const details = { reason: stored ? 'not_the_holder' : 'unknown_grant', wanted: 'grant.certified' };
    await noteCounted(deps, { kind: 'attempt.refused', actor: who.email, object: id, details });
    return fault('not_found', 'There is no such grant among yours.');
  }
  const { resource, revoked, until } = stored.grant;
  const now = deps.clock.now();
  if (revoked) return fault('conflict', 'This grant was revoked. Ask for access again.');
  if (Date.parse(until) <= now) return fault('conflict', 'This grant has ended. Ask for access again.');
  const announced = await deps.directory.resource(resource);
  if (!announced) return fault('not_found', `There is no resource called ${resource} any more.`);
  const place = sshPlace(announced.resource, {
    authority: await deps.hostAuthority.publicLine(),
    keys: hostKeysOf(announced),
  });
  if (!place)
    return fault('conflict', `${resource} is not reached over SSH, so there is nothing to certify a key for.`);

  const serial = new DataView(new Uint8Array(deps.clock.random(8)).buffer).getBigUint64(0);
  const terms = grantCertificateTerms({ id, email: who.email, resource, untilMs: Date.parse(until) }, serial, now);
  const validUntil = iso(Number(terms.validBefore) * 1000);
  await note(deps, {
    kind: 'grant.certified',
    actor: who.email,
    object: id,
    details: { resource, key: await fingerprintOf(key.blob), serial: String(serial), until: validUntil },
  });
  return ok({
    grant: id,
    resource,
    certificate: await deps.userAuthority.certify(key, terms, deps.clock.random),
    serial: String(serial),
    until: validUntil,
    ...place,
  });
}
