// One session from all that is stored of it: the catalogue's row, and beside it what the objects
// themselves say. Nobody here decides between them (core/session-evidence.ts does).

import type { SegmentEntry } from '../core/catalogue.ts';
import type { ConnectorId, SessionId } from '../core/ids.ts';
import { FrameDamage } from '../core/recording/frame.ts';
import { decodeManifest, ManifestDamage } from '../core/recording/manifest.ts';
import { decodeSegment, framesOf, type RecordingPlatform, SegmentDamage } from '../core/recording/segment.ts';
import { openingOf, type SessionOpening, type StoredSession } from '../core/session-evidence.ts';
import type { CatalogueReader } from './catalogue-table/reader.ts';
import { FactDamage, FactReader } from '../core/recording/facts/fact-reader.ts';
import type { RecordingReader } from './store/recording-reader.ts';

interface StoredSessionDeps {
  readonly catalogue: CatalogueReader;
  readonly reader: RecordingReader;
  readonly platform: RecordingPlatform;
}

export interface FoundSession {
  readonly connector: ConnectorId;
  readonly stored: StoredSession;
}

/**
 * `connector`: as the edge has it, so that a session is found by its objects although its row is gone or
 * names another; undefined: as the row says. undefined: nothing is stored under that id.
 */
export async function findSession(
  session: SessionId,
  connector: ConnectorId | undefined,
  deps: StoredSessionDeps,
): Promise<FoundSession | undefined> {
  const reading = deps.catalogue.session(session);
  const entryIn = (found: Awaited<typeof reading>) => (found === 'damaged' ? undefined : found);
  const place = connector ?? entryIn(await reading)?.connector;
  if (!place) return undefined;
  const [found, manifest] = await Promise.all([reading, readStoredManifest(place, session, deps)]);
  const [opening, segments] = manifest
    ? [manifest.content.opened && openingOf(manifest.content.opened), manifest.content.segments.map(listed)]
    : await Promise.all([readOpening(place, session, deps), deps.catalogue.segments(session)]);
  const row = entryIn(found);
  if (!row && !manifest && !opening) return undefined;
  return {
    connector: place,
    stored: {
      ...(row && { row }),
      ...(found === 'damaged' && { damagedRow: true as const }),
      ...(opening && { opening }),
      ...(manifest && { manifest }),
      segments,
    },
  };
}

const listed = ({ number, digest, bytes, frames }: SegmentEntry): SegmentEntry => ({ number, digest, bytes, frames });

async function readStoredManifest(connector: ConnectorId, session: SessionId, { reader, platform }: StoredSessionDeps) {
  const bytes = await reader.get({ kind: 'manifest', connector, session });
  if (!bytes || bytes === 'too_large') return undefined;
  try {
    const { manifest, digest, signed } = decodeManifest(bytes, platform);
    // Copied here from another session it would tell that one's.
    if (manifest.session !== session || manifest.connector.id !== connector) return undefined;
    return { content: manifest, digest, signed };
  } catch (fault) {
    if (fault instanceof ManifestDamage) return undefined;
    throw fault;
  }
}

/** From the first frame; undefined when it is not there, or not sound. */
async function readOpening(
  connector: ConnectorId,
  session: SessionId,
  { reader, platform }: StoredSessionDeps,
): Promise<SessionOpening | undefined> {
  const bytes = await reader.get({ kind: 'segment', connector, session, number: 0 });
  if (!bytes || bytes === 'too_large') return undefined;
  try {
    const [first] = framesOf(decodeSegment(bytes, platform));
    const fact = first && new FactReader({ session, connector }, false).take(first);
    return fact?.kind === 'session.opened' ? openingOf(fact) : undefined;
  } catch (fault) {
    if (fault instanceof SegmentDamage || fault instanceof FrameDamage || fault instanceof FactDamage) return undefined;
    throw fault;
  }
}
