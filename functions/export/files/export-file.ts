// A file that went over in a session, as a file. Its digest is checked against what the connector told when it went by, before the
// first byte is handed out: what is not all there, or not as it was, is refused.

import { createHash, type Hash } from 'node:crypto';
import type { SessionEntry } from '../../../core/catalogue.ts';
import type { FileTransferred } from '../../../core/recording/facts/file.ts';
import { FactDamage, FactReader } from '../../../core/recording/facts/fact-reader.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import type { OpenRecording } from '../../replay/registry.ts';
import type { Chunks } from '../../stream-text.ts';
import type { ContentPart, ContentReader } from './content.ts';
import { ScpContent } from './scp-content.ts';
import { SftpContent } from './sftp-content.ts';

interface Transfer {
  readonly lane: number;
  readonly fact: FileTransferred;
}

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
): Promise<Result<ExportedContent, string>> {
  const transfers = await transfersOf(session, open, wanted);
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
  for (const reader of readersOf(fact)) {
    const content = await contentLike(fact, contentsOf(open, lane, reader()));
    if (content === undefined) continue;
    const chunks = only(content, fact.size, contentsOf(open, lane, reader()));
    return ok({ fileName: nameOf(session, fact), chunks });
  }
  return err(
    'its content is not in the recording as it went over: its rule keeps digests alone, or something of it was hidden or is damaged',
  );
}

async function transfersOf(session: SessionEntry, open: OpenRecording, wanted: string): Promise<Transfer[]> {
  const facts = new FactReader({ session: session.id, connector: session.connector }, false);
  const found: Transfer[] = [];
  /** By the name alone: where no path is all of it. */
  const named: Transfer[] = [];
  for await (const part of open()) {
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

const readersOf = ({ direction, size }: FileTransferred): (() => ContentReader)[] => [
  () => new SftpContent(),
  () => new ScpContent(direction === 'upload' ? 'client' : 'target', size),
];

async function* contentsOf(open: OpenRecording, lane: number, reader: ContentReader): AsyncGenerator<ContentPart> {
  for await (const part of open()) {
    if (part.kind === 'damaged') return;
    const { kind, lane: number, direction, body } = part.frame;
    if (kind === 'bytes' && number === lane && direction !== 'gateway') yield* reader.take(direction, body);
  }
}

/** Which content is the one that was told of; undefined: none. */
async function contentLike(
  { size, sha256 }: FileTransferred,
  parts: AsyncIterable<ContentPart>,
): Promise<string | undefined> {
  const contents = new Map<string, { readonly hash: Hash; bytes: number }>();
  if (size === 0) return sha256 === createHash('sha256').digest('hex') ? '' : undefined;
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
  return undefined;
}

async function* only(wanted: string, size: number, parts: AsyncIterable<ContentPart>): Chunks {
  let left = size;
  if (left === 0) return;
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
