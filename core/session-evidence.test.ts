import { describe, expect, it } from 'vitest';
import { answer, RecordingBuilder } from '../test/harness/recording-builder.ts';
import { nodeRecordingPlatform } from '../functions/recording-platform.ts';
import { decodeManifest } from './recording/manifest.ts';
import { manifestKey } from './recording/segment.ts';
import {
  AdmittedSession,
  sessionEndOf,
  sessionEntryOf,
  listedEntry,
  openingOf,
  type StoredSession,
} from './session-evidence.ts';

const builder = new RecordingBuilder({ task: 'T-1' }).query('select 1', answer(['n'], [['1']])).end();
const opening = openingOf(builder.opened);
const object = builder.objects.get(manifestKey(builder.connector.id, builder.session)) ?? new Uint8Array();
const { manifest: content, digest, signed } = decodeManifest(object, nodeRecordingPlatform);
const row = { ...opening, ...sessionEndOf(content), state: 'sealed' as const };
const stored: StoredSession = { row, opening, manifest: { content, digest, signed }, segments: [] };
const edge = { connector: builder.connector.id, admitted: AdmittedSession.parse(opening), manifest: digest };

describe('the entry of a session', () => {
  it('is the row where all agree, in whatever order its members come', () => {
    expect(sessionEntryOf(stored, edge)).toEqual(row);
    const turned = Object.fromEntries(Object.entries(row).reverse()) as typeof row;
    expect(sessionEntryOf({ ...stored, row: turned }, edge)).toEqual(row);
    expect(listedEntry(row, edge)).toEqual(row);
  });

  it.each([
    ['email', { email: 'eve@example.com' }],
    ['subject', { subject: 'eve' }],
    ['reason', { reason: 'none' }],
    ['rule', { rule: 'everything' }],
    ['resource', { resource: 'other' as typeof row.resource }],
    ['task', { task: 'T-2' }],
    ['trace', { trace: 'added' }],
    ['breakGlass', { breakGlass: true }],
    ['exempt', { exempt: 'added' }],
    ['client', { client: { address: '10.0.0.1' } }],
    ['counts', { counts: { ...row.counts, rows: 0 } }],
    ['segments', { segments: 1 + row.segments }],
    ['endedAt', { endedAt: '2030-01-01T00:00:00.000Z' }],
    ['end', { end: { reason: 'target_closed' as const, message: '' } }],
  ])('keeps its %s when the row says another, and names it', (field, change) => {
    const shown = sessionEntryOf({ ...stored, row: { ...row, ...change } }, edge);
    expect(shown).toEqual({ ...row, contradicted: [field] });
  });

  it('names what the functions found wrong with its row: its place in the indexes, or all of it', () => {
    const misplaced = { ...row, contradicted: ['index'] };
    expect(sessionEntryOf({ ...stored, row: misplaced }, edge)).toEqual(misplaced);
    expect(listedEntry({ ...misplaced, reason: 'none' }, edge)).toEqual({ ...row, contradicted: ['index', 'reason'] });
    const { row: _, ...without } = stored;
    expect(sessionEntryOf({ ...without, damagedRow: true }, edge)).toEqual({
      ...row,
      state: 'ended',
      contradicted: ['row'],
    });
  });

  it('is the edge’s where the recording tells otherwise, and then it is not whole', () => {
    const admitted = { ...edge.admitted, subject: 'bob', task: undefined };
    const shown = sessionEntryOf(stored, { ...edge, admitted });
    expect(shown).toMatchObject({ subject: 'bob', state: 'broken', contradicted: ['subject', 'task'] });
    expect(shown?.task).toBeUndefined();
    expect(shown?.fault).toContain('its subject');
  });

  it('is not whole with another manifest than the edge witnessed, or without it', () => {
    expect(sessionEntryOf(stored, { ...edge, manifest: '0'.repeat(64) })).toMatchObject({ state: 'broken' });
    const { manifest: _, ...without } = stored;
    expect(sessionEntryOf(without, edge)).toMatchObject({ state: 'broken', contradicted: ['state'] });
  });

  it('does not end, and is not proven, because its row says so', () => {
    const { manifest: _, ...without } = stored;
    const { manifest: _none, ...unwitnessed } = edge;
    expect(sessionEntryOf(without, unwitnessed)).toMatchObject({ state: 'live', contradicted: ['state'] });
    const live = { ...opening, counts: row.counts, segments: 1, state: 'live' as const };
    expect(sessionEntryOf({ ...stored, row: live }, edge)).toEqual({ ...row, state: 'ended' });
  });

  it('needs no row, and without anything there is none', () => {
    const { row: _, ...without } = stored;
    expect(sessionEntryOf(without, edge)).toEqual({ ...row, state: 'ended' });
    expect(sessionEntryOf({ segments: [] }, edge)).toBeUndefined();
  });

  it('of a list is the edge’s in how it began', () => {
    const altered = { ...row, email: 'eve@example.com', reason: 'none' };
    expect(listedEntry(altered, edge)).toEqual({ ...row, contradicted: ['email', 'reason'] });
    expect(listedEntry(altered, {})).toEqual(altered);
  });
});
