// What the bucket says of itself: that it is there, open to these keys, with versions and Object Lock.

import { GetBucketVersioningCommand, GetObjectLockConfigurationCommand } from '@aws-sdk/client-s3';
import { flaw, noRight, shown, type StoreFlaw } from './flaw.ts';
import type { Probe, StoreRefusal } from './probe.ts';

export async function bucketFlaws(probe: Probe): Promise<readonly StoreFlaw[]> {
  const at = { Bucket: probe.bucket };
  const versioning = await probe.ask((options) => probe.client.send(new GetBucketVersioningCommand(at), options));
  if (!versioning.ok) return [notLetIn(versioning.error)];
  const lock = await probe.ask((options) => probe.client.send(new GetObjectLockConfigurationCommand(at), options));
  if (!lock.ok && lock.error.status === 403)
    return [noRight("read the bucket's Object Lock settings", 's3:GetBucketObjectLockConfiguration', lock.error)];
  const flaws: StoreFlaw[] = [];
  if (versioning.value.Status !== 'Enabled')
    flaws.push(
      flaw('no_versions', 'the bucket keeps no versions, so whoever puts a key again replaces it: enable versioning'),
    );
  const settings = lock.ok ? lock.value.ObjectLockConfiguration : undefined;
  if (settings?.ObjectLockEnabled !== 'Enabled')
    flaws.push(
      flaw(
        'no_object_lock',
        `the bucket has no Object Lock${lock.ok ? '' : ` (${shown(lock.error)})`}, so recordings could be deleted before their time: make one with it, which most stores allow only when a bucket is made`,
      ),
    );
  if (settings?.Rule?.DefaultRetention)
    flaws.push(
      flaw(
        'default_retention',
        "the bucket locks by default what is put without a time of its own, so the search index could not forget what is purged: remove the default; recordings bring their policy's time themselves",
      ),
    );
  return flaws;
}

function notLetIn(refused: StoreRefusal): StoreFlaw {
  switch (refused.name) {
    case 'NoSuchBucket':
      return flaw('access', 'there is no such bucket: make it, with Object Lock, or name another in S3_BUCKET');
    case 'InvalidAccessKeyId':
    case 'SignatureDoesNotMatch':
    case 'InvalidToken':
    case 'ExpiredToken':
      return flaw(
        'access',
        `it does not know these keys (${shown(refused)}): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to those of the bucket`,
      );
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
      return flaw('access', `the bucket is in another region (${shown(refused)}): set AWS_REGION`);
    case 'RequestTimeTooSkewed':
      return flaw('clock_differs', 'its clock and this machine’s are too far apart to talk: set them by NTP');
    default:
      return noRight("read the bucket's settings", 's3:GetBucketVersioning', refused);
  }
}
