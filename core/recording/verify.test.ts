import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newConnector, sealManifest } from '../../test/harness/recording-builder.ts';
import {
  check,
  connector,
  headsOf,
  manifestOf,
  object,
  reasons,
  recording,
  retold,
  session,
  witnessedOf,
} from '../../test/harness/verified-recording.ts';
import { nodePlatform } from '../../connector/recording/archive/node-platform.ts';
import { type ConnectorId, newId, type SessionId } from '../ids.ts';
import type { Manifest } from './manifest.ts';
import { decodeSegment, encodeSegment } from './segment.ts';

const encoder = new TextEncoder();

describe('a session that never began', () => {
  const neverBegan = { reason: 'log_failed', at: '2026-11-20T12:00:01.000Z' };

  test('is proven to be none where nothing is stored, as the edge witnessed', async () => {
    const report = await check(new Map(), { heads: [], neverBegan });
    expect(report).toMatchObject({ proven: true, neverBegan: true, faults: [] });
    expect(report.proofs).toEqual([expect.stringContaining('it never began (log_failed)')]);
  });

  test('is not proven where anything of it is stored, or was witnessed', async () => {
    const objects = recording();
    expect(reasons(await check(objects, { heads: headsOf(objects), neverBegan }))).toEqual(['session began_after_all']);
    const report = await check(new Map(), { heads: headsOf(objects), neverBegan });
    expect(reasons(report)).toContain('session began_after_all');
    expect(reasons(report)).toContain('manifest.json manifest_missing');
  });
});

describe('a session that was purged', () => {
  const purged = { at: '2027-03-01T12:00:00.000Z', audit: 41 };

  test('is proven to be none where nothing is stored, though it was witnessed', async () => {
    const objects = recording();
    const witnessed = { heads: headsOf(objects), witnessedManifest: witnessedOf(objects) };
    const report = await check(new Map(), { ...witnessed, purged });
    expect(report).toMatchObject({ proven: true, purged: true, faults: [] });
    expect(report.manifestDigest).toBe(witnessed.witnessedManifest.digest);
    expect(report.proofs).toEqual([expect.stringContaining('entry 41 of the audit log')]);
    // One that vanished is not.
    expect((await check(new Map(), witnessed)).proven).toBe(false);
  });

  test('is not proven by that where something of it is stored', async () => {
    const objects = new Map([...recording()].slice(0, 1));
    expect((await check(objects, { heads: [], purged })).proven).toBe(false);
    // Nor where all of it is.
    const whole = recording();
    expect(reasons(await check(whole, { heads: headsOf(whole), purged }))).toEqual(['session stored_after_purge']);
  });
});

describe('an untouched recording', () => {
  test('is proven, and the report says what was proven', async () => {
    const objects = recording();
    const report = await check(objects, { heads: headsOf(objects), witnessedManifest: witnessedOf(objects) });
    expect(report).toMatchObject({ proven: true, faults: [], notCompared: [], manifest: { session } });
    expect(report.proofs).toHaveLength(5);
  });

  test('is proven without key and witness too, and the report says what was not compared', async () => {
    const report = await check(recording(), { trustedKeys: undefined });
    expect(report.proven).toBe(true);
    expect(report.notCompared).toHaveLength(2);
  });

  test('is proven with one segment only, and whatever the order of the listing', async () => {
    expect((await check(recording(1))).proven).toBe(true);
    expect((await check(new Map([...recording()].reverse()))).proven).toBe(true);
  });

  test('is proven when the witness saw only some of the heads', async () => {
    const objects = recording();
    const witnessedManifest = witnessedOf(objects);
    const report = await check(objects, { heads: headsOf(objects).slice(1, 3), witnessedManifest });
    expect(report.proven).toBe(true);
    expect(report.proofs).toContain(
      'every part that the edge witnessed while the session ran (2) is the one that is stored',
    );
    expect(report.notCompared).toEqual(['2 of 4 parts: the edge witnessed none of them']);
  });

  test('claims no agreement with a witness that saw nothing', async () => {
    const report = await check(recording(), { heads: [] });
    expect(report.proven).toBe(true);
    expect(report.proofs.filter((proof) => proof.includes('witnessed'))).toEqual([]);
    expect(report.notCompared).toEqual([
      '4 of 4 parts: the edge witnessed none of them',
      'the manifest: the edge has not witnessed it',
    ]);
  });
});

describe('one byte flipped', () => {
  const objects = recording(3);
  const ROUND = 500;
  const rounds = [...objects].flatMap(([name, bytes]) =>
    Array.from({ length: Math.ceil(bytes.length / ROUND) }, (_, index) => ({ name, from: index * ROUND, bytes })),
  );
  for (const { name, from, bytes } of rounds)
    test(`anywhere in ${name}, from byte ${from} on, is found, and laid to that object`, async () => {
      for (let at = from; at < Math.min(from + ROUND, bytes.length); at++) {
        const altered = Uint8Array.from(bytes);
        altered[at] = (altered[at] ?? 0) ^ (1 << (at % 8));
        const report = await check(new Map(objects).set(name, altered), { trustedKeys: undefined });
        expect(report.proven, `byte ${at}`).toBe(false);
        expect(report.faults.map((fault) => fault.object)).toContain(name);
      }
    });

  test('to any other value, and bytes cut off or added, are found', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...objects.keys()),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.constantFrom('flip', 'cut', 'add'),
        async (name, place, value, how) => {
          const bytes = object(objects, name);
          const at = place % bytes.length;
          let altered = Uint8Array.from(bytes);
          if (how === 'flip') altered[at] = (altered[at] ?? 0) ^ value;
          else if (how === 'cut') altered = altered.slice(0, at);
          else altered = Uint8Array.from([...bytes, value]);
          const report = await check(new Map(objects).set(name, altered));
          expect(report.proven).toBe(false);
          expect(report.faults.map((fault) => fault.object)).toContain(name);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('a segment', () => {
  test.each([0, 1, 3])('that was removed, number %i, is missed', async (number) => {
    const objects = recording();
    objects.delete(`0000000${number}.seg`);
    const report = await check(objects);
    expect(reasons(report)).toEqual([`0000000${number}.seg segment_missing`]);
  });

  test('that was swapped with another is found in both places', async () => {
    const objects = recording();
    const swapped = new Map(objects)
      .set('00000001.seg', object(objects, '00000002.seg'))
      .set('00000002.seg', object(objects, '00000001.seg'));
    expect(reasons(await check(swapped))).toEqual(['00000001.seg segment_swapped', '00000002.seg segment_swapped']);
  });

  test('from another session of the same connector is found', async () => {
    const other = recording(4, newId('ses'));
    const objects = recording().set('00000002.seg', object(other, '00000002.seg'));
    expect(reasons(await check(objects))).toEqual(['00000002.seg segment_swapped']);
  });

  test('of the same session and number with other content is found', async () => {
    const objects = recording();
    const { header, block } = decodeSegment(object(objects, '00000003.seg'), nodePlatform);
    const forged = Uint8Array.from(block);
    forged[forged.length - 3] = 0x21;
    objects.set('00000003.seg', encodeSegment(header, forged, nodePlatform).bytes);
    expect(reasons(await check(objects))).toEqual(['00000003.seg segment_swapped']);
  });

  test('that was added is found, and so is any other object', async () => {
    const objects = recording();
    objects.set('00000004.seg', object(objects, '00000003.seg')).set('notes.txt', encoder.encode('?'));
    expect(reasons(await check(objects))).toEqual(['00000004.seg segment_unlisted', 'notes.txt segment_unlisted']);
  });
});

describe('a recording that was cut short', () => {
  test('by its last segments is found', async () => {
    const objects = recording();
    objects.delete('00000002.seg');
    objects.delete('00000003.seg');
    expect(reasons(await check(objects))).toEqual(['00000002.seg segment_missing', '00000003.seg segment_missing']);
  });

  test('by its last segments and its manifest is found, and the witness says how much', async () => {
    const objects = recording();
    const heads = headsOf(objects);
    objects.delete('00000003.seg');
    objects.delete('manifest.json');
    expect(reasons(await check(objects, { heads }))).toEqual([
      'manifest.json manifest_missing',
      '00000003.seg head_differs',
    ]);
  });

  test('and given a manifest to match by whoever has the key is found through the witness', async () => {
    const objects = recording();
    const short = new Map(objects);
    short.delete('00000003.seg');
    const cut = retold(short, (manifest) => ({ ...manifest, segments: manifest.segments.slice(0, 3) }));
    const heads = headsOf(objects);
    const report = await check(cut, { heads });
    expect(reasons(report)).toContain('00000003.seg head_differs');
    expect(report.faults.at(-1)?.message).toContain('cut short');
    const witnessedManifest = { digest: 'f'.repeat(64), segments: 4 };
    expect(reasons(await check(objects, { heads, witnessedManifest }))).toEqual(['manifest.json head_differs']);
  });

  test('to nothing at all is not proven', async () => {
    expect(reasons(await check(new Map()))).toEqual(['manifest.json manifest_missing']);
  });

  test('has its gaps named when there is no manifest, and a far-off name costs no walk', async () => {
    const objects = recording();
    objects.delete('manifest.json');
    objects.delete('00000001.seg');
    objects.set('99999999.seg', object(objects, '00000003.seg'));
    const found = reasons(await check(objects));
    expect(found).toContain('00000001.seg segment_missing');
    expect(found).toContain('99999999.seg segment_unlisted');
    expect(found.length).toBeLessThan(200);
  });
});

describe('a manifest', () => {
  test('signed again with another key is found when the connector’s key is known', async () => {
    const objects = recording();
    const stranger = { ...newConnector(), id: connector.id };
    const manifest = manifestOf(objects);
    const key = Buffer.from(stranger.publicKey).toString('base64url');
    const resigned = { ...manifest, connector: { ...manifest.connector, key } };
    objects.set('manifest.json', sealManifest(resigned, stranger));
    expect(reasons(await check(objects))).toEqual(['manifest.json key_unknown']);
  });

  test('signed by another key than it names is found without knowing the connector’s', async () => {
    const objects = recording();
    objects.set('manifest.json', sealManifest(manifestOf(objects), newConnector()));
    expect(reasons(await check(objects, { trustedKeys: undefined }))).toContain('manifest.json signature_wrong');
  });

  test('of another session or connector is found', async () => {
    const other = recording(4, newId('ses'));
    const objects = recording().set('manifest.json', object(other, 'manifest.json'));
    expect(reasons(await check(objects))).toContain('manifest.json manifest_damaged');
    const moved = await check(recording(), { connector: newId('con') as ConnectorId });
    expect(moved.proven).toBe(false);
    const renamed = await check(recording(), { session: newId('ses') as SessionId });
    expect(renamed.proven).toBe(false);
  });

  const untrue: [string, (manifest: Manifest) => Manifest][] = [
    ['frames', (m) => ({ ...m, counts: { ...m.counts, frames: m.counts.frames + 1 } })],
    ['actions', (m) => ({ ...m, counts: { ...m.counts, actions: 0 } })],
    ['statements', (m) => ({ ...m, counts: { ...m.counts, statements: 0 } })],
    ['errors', (m) => ({ ...m, counts: { ...m.counts, errors: 7 } })],
    ['rows', (m) => ({ ...m, counts: { ...m.counts, rows: m.counts.rows - 1 } })],
    ['bytes', (m) => ({ ...m, counts: { ...m.counts, bytes: { ...m.counts.bytes, target: 1 } } })],
    ['duration', (m) => ({ ...m, durationUs: m.durationUs + 1 })],
    ['opening', (m) => ({ ...m, opened: m.opened && { ...m.opened, resource: 'x' as never } })],
    ['end', (m) => ({ ...m, end: { reason: 'idle_timeout', message: m.end.message } })],
  ];
  test.each(untrue)('that says another %s than the segments is found', async (_what, change) => {
    expect(reasons(await check(retold(recording(), change)))).toEqual(['manifest.json count_differs']);
  });
});

describe('the witness', () => {
  test('finds a segment that is not the one it saw', async () => {
    const objects = recording();
    const heads = headsOf(objects).map((head) => (head.number === 2 ? { ...head, digest: '0'.repeat(64) } : head));
    const report = await check(objects, { heads });
    expect(reasons(report)).toEqual(['00000002.seg head_differs']);
    expect(report.faults[0]?.message).toContain('not the one that was witnessed');
  });
});
