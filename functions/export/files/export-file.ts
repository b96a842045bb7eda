// A file that went over in a session, as a file. Its digest is checked against what the connector told when it went by, before the
// first byte is handed out: what is not all there, or not as it was, is refused.

import { z } from 'zod';
import { createHash, type Hash } from 'node:crypto';
import type { SessionEntry } from '../../../core/catalogue.ts';
import { FileTransferred } from '../../../core/recording/facts/file.ts';
import { FactDamage, FactReader } from '../../../core/recording/facts/fact-reader.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import { type Checkpoints, NO_CHECKPOINTS } from '../../checkpoints.ts';
import type { OpenRecording } from '../../replay/registry.ts';
import type { RecordingPart } from '../../store/read-recording.ts';
import type { Chunks } from '../../stream-text.ts';
import type { ContentPart, ContentReader } from './content.ts';
import { ScpContent } from './scp-content.ts';
import { SftpContent } from './sftp-content.ts';

const Transfer = z.object({ lane: z.number().int().min(0), fact: FileTransferred });
type Transfer = z.infer<typeof Transfer>;
const KeptTransfers = z.object({ ended: z.boolean(), found: z.array(Transfer), named: z.array(Transfer) });

/** Transfers of one path that are told apart; of more the first are named. */
const MAX_NAMED = 20;
/** Contents whose digests are made at a time. */
const MAX_CONTENTS = 10_000;

interface ExportedContent {
  readonly fileName: string;
  readonly chunks: Chunks;
}

/** `wanted`: a path, the last part of one, or the number of the action (`2`, `#2`). An error says why there is no such file. */
export async function exportFile(
  session: SessionEntry,
  open: OpenRecording,
  wanted: string,
  at: Checkpoints = NO_CHECKPOINTS,
): Promise<Result<ExportedContent, string>> {
  const transfers = await at.once('transfers', z.array(Transfer), (within) =>
    transfersOf(session, within.read(open), wanted, within),
  );
  const whole = transfers.filter(({ fact }) => fact.sha256 !== undefined);
  const [first] = transfers;
  const [found, another] = whole;
  if (!first) return err('no such file went over in this session: text and the session page list those that did');
  if (another) {
    const named = whole.slice(0, MAX_NAMED).map(({ fact }) => `${fact.action} (${fact.direction})`);
    return err(`it went over more than once: ask for one by its number: ${named.join(', ')}`);
  }
  if (!found) return err('what went over of it is not one content (with gaps, or out of order): NDJSON has its bytes');
  const { fact, lane } = found;
  for (const [i, reader] of readersOf(fact).entries()) {
    const content = await at.once(`content ${i}`, z.string().nullable(), (within) => {
      // A digest that is half made cannot be kept: one run makes it, or nobody (ADR 59).
      within.keep('digests', z.never(), () => undefined);
      return contentLike(fact, contentsOf(within.read(open), lane, reader()));
    });
    if (content === null) continue;
    const begun = reader(at.saved('reader', z.unknown()));
    at.keep('reader', z.unknown(), () => begun.state());
    const chunks = only(content, fact.size, contentsOf(at.read(open), lane, begun), at);
    return ok({ fileName: nameOf(session, fact), chunks });
  }
  return err(
    'its content is not in the recording as it went over: its rule keeps digests alone, or something of it was hidden or is damaged',
  );
}

async function transfersOf(
  session: SessionEntry,
  recording: AsyncIterable<RecordingPart>,
  wanted: string,
  at: Checkpoints,
): Promise<Transfer[]> {
  const facts = new FactReader({ session: session.id, connector: session.connector }, false);
  const saved = at.saved('transfers', KeptTransfers);
  if (saved) facts.resume({ lanes: [], lastLane: 0, ended: saved.ended });
  const found: Transfer[] = saved?.found ?? [];
  /** By the name alone: where no path is all of it. */
  const named: Transfer[] = saved?.named ?? [];
  at.keep('transfers', KeptTransfers, () => ({ ended: facts.ended, found, named }));
  for await (const part of recording) {
    if (part.kind === 'damaged') break;
    if (part.frame.kind !== 'fact') continue;
    try {
      const fact = facts.take(part.frame);
      if (fact?.kind !== 'file.transferred') continue;
      const { path, action } = fact;
      const into = path === wanted || String(action) === wanted.replace(/^#/, '') ? found : named;
      if (into === named && path.slice(path.lastIndexOf('/') + 1) !== wanted) continue;
      if (into.length <= MAX_NAMED) into.push({ lane: part.frame.lane, fact });
    } catch (fault) {
      if (!(fault instanceof FactDamage)) throw fault;
      break;
    }
  }
  return found.length > 0 ? found : named;
}

const readersOf = ({ direction, size }: FileTransferred): ((saved?: unknown) => ContentReader)[] => [
  (saved) => new SftpContent(saved),
  (saved) => new ScpContent(direction === 'upload' ? 'client' : 'target', size, saved),
];

async function* contentsOf(
  recording: AsyncIterable<RecordingPart>,
  lane: number,
  reader: ContentReader,
): AsyncGenerator<ContentPart> {
  for await (const part of recording) {
    if (part.kind === 'damaged') return;
    const { kind, lane: number, direction, body } = part.frame;
    if (kind === 'bytes' && number === lane && direction !== 'gateway') yield* reader.take(direction, body);
  }
}

/** Which content is the one that was told of; null: none. */
async function contentLike(
  { size, sha256 }: FileTransferred,
  parts: AsyncIterable<ContentPart>,
): Promise<string | null> {
  const contents = new Map<string, { readonly hash: Hash; bytes: number }>();
  if (size === 0) return sha256 === createHash('sha256').digest('hex') ? '' : null;
  for await (const { content, bytes } of parts) {
    let known = contents.get(content);
    if (!known) {
      if (contents.size >= MAX_CONTENTS) continue;
      known = { hash: createHash('sha256'), bytes: 0 };
      contents.set(content, known);
    }
    known.hash.update(bytes);
    known.bytes += bytes.length;
    // What went over in full and was read on is another content.
    if (known.bytes === size && known.hash.copy().digest('hex') === sha256) return content;
  }
  return null;
}

async function* only(wanted: string, size: number, parts: AsyncIterable<ContentPart>, at: Checkpoints): Chunks {
  let left = at.saved('left', z.number()) ?? size;
  if (left === 0) return;
  at.keep('left', z.number(), () => left);
  for await (const { content, bytes } of parts) {
    if (content !== wanted) continue;
    yield bytes;
    left -= bytes.length;
    if (left === 0) return;
  }
}

/** Nothing of its path but its last name, in letters that mean nothing to a shell or a file system. */
function nameOf({ id }: SessionEntry, { action, path, partial }: FileTransferred): string {
  const name = (path.split(/[/\\]/).at(-1) ?? '').replace(/[^A-Za-z0-9._-]+/g, '_').slice(-80);
  return `${id}-${action}${name === '' ? '' : `-${name}`}${partial ? '.partial' : ''}`;
}
