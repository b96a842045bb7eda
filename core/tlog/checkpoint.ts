// Checkpoints of a transparency log (c2sp.org/tlog-checkpoint): a signed note with origin, size and root of its tree; and
// proofs that an entry is in it, which can be checked without the log (c2sp.org/tlog-proof).

import { err, ok, type Result } from '../result.ts';
import { fromBase64, toBase64 } from '../scram.ts';
import { isIncluded } from './merkle.ts';
import { parseNote, type SignedNote, showNote } from './note.ts';

const HASH_BASE64_LENGTH = 44;
/** More than a tree of safe size can need. */
const MAX_PROOF_LINES = 63;

interface TreeHead {
  /** The log's name: `gatehouse.example.com/recordings`. */
  readonly origin: string;
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

/** The text that its log signs. */
export const checkpointText = ({ origin, size, root }: TreeHead): string => `${origin}\n${size}\n${toBase64(root)}\n`;

export interface Checkpoint extends TreeHead {
  readonly note: SignedNote;
}

/** Says nothing of who signed it. */
export function parseCheckpoint(text: string): Result<Checkpoint, string> {
  const note = parseNote(text);
  if (!note.ok) return note;
  const [origin = '', sizeLine = '', rootLine = '', ...more] = note.value.text.slice(0, -1).split('\n');
  const size = sizeOf(sizeLine);
  const root = hashOf(rootLine);
  if (origin === '' || size === undefined || !root || more.includes(''))
    return err('it is no checkpoint: the name of a log, the size of its tree, its root in base64');
  return ok({ origin, size, root, note: note.value });
}

interface LogProof {
  readonly index: number;
  /** From the leaf's sibling to the root's child, 32 bytes each. */
  readonly path: readonly Uint8Array[];
  readonly checkpoint: Checkpoint;
}

const PROOF_HEADER = 'c2sp.org/tlog-proof@v1';

export const showLogProof = ({ index, path, checkpoint }: LogProof): string =>
  `${[PROOF_HEADER, `index ${index}`, ...path.map(toBase64)].join('\n')}\n\n${showNote(checkpoint.note)}`;

/** Says nothing of what it proves. */
export function parseLogProof(text: string): Result<LogProof, string> {
  const at = text.indexOf('\n\n');
  const [header, ...lines] = at < 0 ? [] : text.slice(0, at).split('\n');
  if (header !== PROOF_HEADER) return err(`it is no proof of a log: one begins with ${PROOF_HEADER}`);
  if (lines[0]?.startsWith('extra ')) lines.shift();
  const [indexLine = '', ...hashLines] = lines;
  const index = indexLine.startsWith('index ') ? sizeOf(indexLine.slice('index '.length)) : undefined;
  const path = hashesOf(hashLines);
  if (index === undefined || !path) return err('its index or one of its hashes cannot be read');
  const checkpoint = parseCheckpoint(text.slice(at + 2));
  return checkpoint.ok ? ok({ index, path, checkpoint: checkpoint.value }) : checkpoint;
}

/** Whether the entry with this hash is in the tree of the proof's checkpoint, whoever signed that. */
export const isProven = (
  leafHash: Uint8Array,
  { index, path, checkpoint: { size, root } }: LogProof,
): Promise<boolean> => isIncluded({ leafHash, index, size, root, proof: path });

/** Undefined: one of the lines is none, or there are too many. */
export function hashesOf(lines: readonly string[]): Uint8Array[] | undefined {
  const hashes = lines.map(hashOf);
  return hashes.length <= MAX_PROOF_LINES && hashes.every((one) => one !== undefined) ? hashes : undefined;
}

function hashOf(line: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(line) || line.length !== HASH_BASE64_LENGTH) return undefined;
  const hash = fromBase64(line);
  return toBase64(hash) === line ? hash : undefined;
}

/** Decimal, without zeros before it. */
function sizeOf(text: string): number | undefined {
  const size = /^(?:0|[1-9]\d{0,15})$/.test(text) ? Number(text) : undefined;
  return Number.isSafeInteger(size) ? size : undefined;
}
