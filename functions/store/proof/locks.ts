// What the lock promises: a retained or held version cannot be deleted, nor its time shortened, by whoever may delete.
//
// Rights look like locks: who may not delete at all is refused as well. So a version without a lock is deleted first. And the
// answer is not what counts, but whether the version is still there.

import { flaw, noRight, type StoreFlaw } from './flaw.ts';
import type { LockMode, Probe } from './probe.ts';

/** Long enough for the trial; what a compliance lock keeps of it is in nobody's way for longer. */
const RETAIN_MS = 60_000;
const LENGTHENED_MS = 75_000;
const SHORTENED_MS = 30_000;

/** `now`: by the store's clock, which ends what is retained. */
export async function lockFlaws(probe: Probe, mode: LockMode, now: () => number): Promise<readonly StoreFlaw[]> {
  const control = await deleteFlaw(probe);
  if (control) return [control];
  return [...(await retentionFlaws(probe, mode, now)), ...(await holdFlaws(probe))];
}

async function deleteFlaw(probe: Probe): Promise<StoreFlaw | undefined> {
  const version = await stored(probe, 'unlocked');
  if (typeof version !== 'string') return version;
  const removed = await probe.remove('unlocked', version);
  if (!removed.ok) return noRight('delete versions that no lock keeps', 's3:DeleteObjectVersion', removed.error);
  return (await probe.head('unlocked', version)) === undefined
    ? undefined
    : flaw(
        'delete_not_done',
        'it answered that a version is deleted and still has it, so purges would count what stays as gone: use another store',
      );
}

async function retentionFlaws(probe: Probe, mode: LockMode, now: () => number): Promise<readonly StoreFlaw[]> {
  const until = new Date(now() + RETAIN_MS);
  const version = await stored(probe, 'retained', { ObjectLockMode: mode, ObjectLockRetainUntilDate: until });
  if (typeof version !== 'string') return [version];
  const lock = await probe.head('retained', version);
  const at = lock?.ObjectLockRetainUntilDate?.getTime() ?? 0;
  const why = 'so recordings could be deleted before their time';
  const wayOut = 'use a store that enforces Object Lock';
  // A second is lost by stores that keep whole ones.
  if (lock?.ObjectLockMode !== mode || Math.abs(at - until.getTime()) > 1_000)
    return [
      flaw(
        'lock_not_kept',
        `it took a put with ${mode} retention and does not say that it is locked, ${why}: ${wayOut}`,
      ),
    ];
  const longer = await probe.retain('retained', version, mode, new Date(now() + LENGTHENED_MS));
  if (!longer.ok) return [noRight("lengthen a version's retention", 's3:PutObjectRetention', longer.error)];
  const flaws: StoreFlaw[] = [];
  const before = (await probe.head('retained', version))?.ObjectLockRetainUntilDate?.getTime() ?? 0;
  const shorter = await probe.retain('retained', version, mode, new Date(now() + SHORTENED_MS));
  const after = (await probe.head('retained', version))?.ObjectLockRetainUntilDate?.getTime() ?? 0;
  if (shorter.ok || after < before)
    flaws.push(flaw('lock_not_kept', `it shortened the ${mode} retention of a version, ${why}: ${wayOut}`));
  // Nobody passes a compliance lock; who may pass a governance lock has to say that he wants to.
  const removed = await probe.remove('retained', version, mode === 'COMPLIANCE');
  const isThere = (await probe.head('retained', version)) !== undefined;
  if (!isThere) flaws.push(flaw('lock_not_kept', `it deleted a version under ${mode} retention, ${why}: ${wayOut}`));
  else if (removed.ok)
    flaws.push(
      flaw(
        'lock_not_kept',
        `it answered that a version under ${mode} retention is deleted and still has it, so its answers say nothing of locks: ${wayOut}`,
      ),
    );
  return flaws;
}

async function holdFlaws(probe: Probe): Promise<readonly StoreFlaw[]> {
  const version = await stored(probe, 'held');
  if (typeof version !== 'string') return [version];
  const why = 'so a legal hold would keep nothing';
  const wayOut = 'use a store that enforces legal holds';
  const placed = await probe.hold('held', version, true);
  if (!placed.ok && placed.error.status === 403)
    return [noRight('place legal holds', 's3:PutObjectLegalHold', placed.error)];
  const says = (await probe.head('held', version))?.ObjectLockLegalHoldStatus;
  if (!placed.ok || says !== 'ON')
    return [flaw('hold_not_kept', `it does not say that a version is held after it was, ${why}: ${wayOut}`)];
  const removed = await probe.remove('held', version, true);
  const isThere = (await probe.head('held', version)) !== undefined;
  await probe.hold('held', version, false);
  if (isThere && !removed.ok) return [];
  const did = isThere
    ? 'answered that a held version is deleted and still has it'
    : 'deleted a version under legal hold';
  return [flaw('hold_not_kept', `it ${did}, ${why}: ${wayOut}`)];
}

/** The version that was made. */
async function stored(
  probe: Probe,
  name: string,
  lock: { ObjectLockMode?: LockMode; ObjectLockRetainUntilDate?: Date } = {},
): Promise<string | StoreFlaw> {
  const put = await probe.put(name, 'Gatehouse tries whether this store keeps a lock.', lock);
  if (!put.ok) return noRight('put objects under retention', 's3:PutObject and s3:PutObjectRetention', put.error);
  return put.value.VersionId ?? flaw('no_versions', 'it answered a put without a version: enable versioning');
}
