// What a put promises: it makes a version, once, of the very bytes that were sent, and nothing hides or replaces it.

import { flaw, noRight, shown, type StoreFlaw } from './flaw.ts';
import { digest, type Probe } from './probe.ts';

const TEXT = 'Gatehouse tries whether this store can keep an archive.';
const RACERS = 8;

export async function putFlaws(probe: Probe): Promise<readonly StoreFlaw[]> {
  const first = await probe.put('once', TEXT, { IfNoneMatch: '*' });
  if (!first.ok)
    return [noRight('put objects with If-None-Match, Content-MD5 and a SHA-256', 's3:PutObject', first.error)];
  const version = first.value.VersionId;
  if (version === undefined || version === 'null')
    return [
      flaw(
        'no_versions',
        'it answered a put without a version, so nothing is kept of what is put over: enable versioning',
      ),
    ];
  return [
    ...(await checksumFlaws(probe, first.value.ChecksumSHA256)),
    ...(await conditionFlaws(probe)),
    ...(await markerFlaws(probe, version)),
  ];
}

async function checksumFlaws(probe: Probe, answered: string | undefined): Promise<readonly StoreFlaw[]> {
  const flaws: StoreFlaw[] = [];
  const stored = await probe.head('once');
  const sha256 = digest('sha256', TEXT);
  if (answered !== sha256 || stored?.ChecksumSHA256 !== sha256)
    flaws.push(
      flaw(
        'checksum_not_kept',
        'it does not answer with the SHA-256 of what it stored, so nothing says that it holds what was sent, and local copies could not go: use a store with S3’s additional checksums',
      ),
    );
  if (stored?.ObjectLockMode !== undefined)
    flaws.push(
      flaw(
        'default_retention',
        'it locks what is put without a time of its own, so the search index could not forget what is purged: remove the bucket’s default retention',
      ),
    );
  for (const [name, header, wrong] of [
    ['wrong-sha256', 'x-amz-checksum-sha256', { ChecksumSHA256: digest('sha256', 'other bytes') }],
    ['wrong-md5', 'Content-MD5', { ContentMD5: digest('md5', 'other bytes') }],
  ] as const) {
    const put = await probe.put(name, TEXT, wrong);
    if (put.ok || (await probe.head(name)) !== undefined)
      flaws.push(
        flaw(
          'checksum_ignored',
          `it stored bytes that were not those of their ${header}, so what is damaged on the way would count as stored: use a store that compares it`,
        ),
      );
  }
  return flaws;
}

async function conditionFlaws(probe: Probe): Promise<readonly StoreFlaw[]> {
  const why = 'so a recording could be hidden behind another of its name';
  const again = await probe.put('once', TEXT, { IfNoneMatch: '*' });
  if (again.ok)
    return [
      flaw(
        'condition_ignored',
        `it took a second put of a key with If-None-Match: *, ${why}: use a store, or a release of it, with conditional puts in buckets with versions`,
      ),
    ];
  if (again.error.status !== 412)
    return [
      flaw(
        'condition_ignored',
        `it answered ${shown(again.error)} to a second put of a key with If-None-Match: *, where S3 says 412, so nobody could tell what is stored: use a store with conditional puts`,
      ),
    ];
  const racers = Array.from({ length: RACERS }, (_, racer) => `${TEXT} ${racer}`);
  const raced = await Promise.all(racers.map((text) => probe.put('race', text, { IfNoneMatch: '*' })));
  const won = raced.filter(({ ok }) => ok).length;
  const listed = await probe.versions('race');
  const kept = listed.ok ? listed.value.length : won;
  if (won <= 1 && kept <= 1) return [];
  return [
    flaw(
      'condition_not_atomic',
      `of ${RACERS} puts of one key at the same moment with If-None-Match: * it took ${Math.max(won, kept)}, ${why} in that moment; both stay under their locks, and gatehouse verify names it`,
    ),
  ];
}

async function markerFlaws(probe: Probe, version: string): Promise<readonly StoreFlaw[]> {
  const flaws: StoreFlaw[] = [];
  const hidden = await probe.remove('once', undefined);
  if (!hidden.ok) return [noRight('delete objects', 's3:DeleteObject', hidden.error)];
  const listed = await probe.versions('once');
  if (!listed.ok) return [noRight('list versions', 's3:ListBucketVersions', listed.error)];
  const keeps = listed.value.some((each) => !each.marker && each.version === version);
  const shows = listed.value.some(({ marker }) => marker);
  if (!keeps || !shows || (await probe.head('once')) !== undefined || !(await probe.head('once', version)))
    flaws.push(
      flaw(
        'no_delete_marker',
        `a DELETE without a version ${keeps ? 'left no delete marker in the list of versions' : 'took the version itself'}, so purges and proofs could not see what is there: use a store whose versions are S3's`,
      ),
    );
  return flaws;
}
