// Merkle trees of transparency logs: hashes, and proofs that an entry is in a tree and that one tree continues another
// (RFC 6962 section 2.1; checking as in RFC 9162 sections 2.1.3.2 and 2.1.4.2). Hashes are of 32 bytes, sizes and indices
// safe integers.

const HASH_BYTES = 32;
const LEAF = 0;
const NODE = 1;

/** The tree of no entries. */
export const emptyRoot = (): Promise<Uint8Array> => sha256(new Uint8Array());

export function hashLeaf(entry: Uint8Array): Promise<Uint8Array> {
  const bytes = new Uint8Array(1 + entry.length);
  bytes[0] = LEAF;
  bytes.set(entry, 1);
  return sha256(bytes);
}

function hashNode(left: Uint8Array, right: Uint8Array): Promise<Uint8Array> {
  const bytes = new Uint8Array(1 + 2 * HASH_BYTES);
  bytes[0] = NODE;
  bytes.set(left, 1);
  bytes.set(right, 1 + HASH_BYTES);
  return sha256(bytes);
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

/** The root of 2^level entries from index * 2^level on. Such trees never change once they are whole, so only they are kept. */
export interface MerkleNode {
  readonly level: number;
  readonly index: number;
  readonly hash: Uint8Array;
}

/** Throws for a node that is not there. */
export type ReadNode = (level: number, index: number) => Uint8Array | Promise<Uint8Array>;

/** The nodes that a tree of `size` entries gains with one more: the leaf's own, then what it makes whole. */
export async function nodesOfLeaf(size: number, leafHash: Uint8Array, read: ReadNode): Promise<MerkleNode[]> {
  const nodes: MerkleNode[] = [{ level: 0, index: size, hash: leafHash }];
  let last = nodes[0] as MerkleNode;
  while (last.index % 2 === 1) {
    const left = await read(last.level, last.index - 1);
    last = { level: last.level + 1, index: (last.index - 1) / 2, hash: await hashNode(left, last.hash) };
    nodes.push(last);
  }
  return nodes;
}

export async function rootOf(size: number, read: ReadNode): Promise<Uint8Array> {
  return size === 0 ? emptyRoot() : subtree(0, size, read);
}

/** From the leaf's sibling to the root's child. Throws RangeError where the tree has no such entry. */
export async function inclusionProof(index: number, size: number, read: ReadNode): Promise<Uint8Array[]> {
  if (!isIndex(index, size)) throw new RangeError(`a tree of ${size} entries has none of index ${index}`);
  const path: Uint8Array[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + splitOf(to - from);
    if (index < middle) {
      path.push(await subtree(middle, to, read));
      to = middle;
    } else {
      path.push(await subtree(from, middle, read));
      from = middle;
    }
  }
  return path.reverse();
}

/** That the tree of `size` entries continues that of `earlier`. Throws RangeError where it cannot. */
export async function consistencyProof(earlier: number, size: number, read: ReadNode): Promise<Uint8Array[]> {
  if (!isSize(earlier) || !isSize(size) || earlier > size)
    throw new RangeError(`a tree of ${size} entries continues none of ${earlier}`);
  if (earlier === 0 || earlier === size) return [];
  const path: Uint8Array[] = [];
  let [from, to] = [0, size];
  // Whether the earlier tree is from here on one that its verifier knows the root of.
  let isWhole = true;
  while (earlier !== to) {
    const middle = from + splitOf(to - from);
    if (earlier <= middle) {
      path.push(await subtree(middle, to, read));
      to = middle;
    } else {
      path.push(await subtree(from, middle, read));
      from = middle;
      isWhole = false;
    }
  }
  if (!isWhole) path.push(await subtree(from, to, read));
  return path.reverse();
}

interface Included {
  readonly leafHash: Uint8Array;
  readonly index: number;
  readonly size: number;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

export async function isIncluded({ leafHash, index, size, root, proof }: Included): Promise<boolean> {
  if (!isIndex(index, size) || !areHashes([leafHash, root, ...proof])) return false;
  let [node, last] = [index, size - 1];
  let hash = leafHash;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = await hashNode(sibling, hash);
      while (node % 2 === 0 && node > 0) [node, last] = [node / 2, half(last)];
    } else hash = await hashNode(hash, sibling);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && areSame(hash, root);
}

interface Continued {
  readonly earlier: number;
  readonly earlierRoot: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

export async function isContinued({ earlier, earlierRoot, size, root, proof }: Continued): Promise<boolean> {
  if (!isSize(earlier) || !isSize(size) || earlier > size || !areHashes([earlierRoot, root, ...proof])) return false;
  if (earlier === size) return proof.length === 0 && areSame(earlierRoot, root);
  // Every tree continues the empty one.
  if (earlier === 0) return proof.length === 0 && areSame(earlierRoot, await emptyRoot());
  const hashes = isPowerOfTwo(earlier) ? [earlierRoot, ...proof] : proof;
  const [first, ...path] = hashes;
  if (!first) return false;
  let [node, last] = [earlier - 1, size - 1];
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  let [before, after] = [first, first];
  for (const hash of path) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      before = await hashNode(hash, before);
      after = await hashNode(hash, after);
      while (node % 2 === 0 && node > 0) [node, last] = [node / 2, half(last)];
    } else after = await hashNode(after, hash);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && areSame(before, earlierRoot) && areSame(after, root);
}

/** The root of entries `from` to `to`, at least one. */
async function subtree(from: number, to: number, read: ReadNode): Promise<Uint8Array> {
  const size = to - from;
  if (isPowerOfTwo(size) && from % size === 0) return read(Math.log2(size), from / size);
  const middle = from + splitOf(size);
  return hashNode(await subtree(from, middle, read), await subtree(middle, to, read));
}

/** The largest power of two below `size`, which is at least 2. */
function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

const half = (value: number): number => Math.floor(value / 2);
const isSize = (size: number): boolean => Number.isSafeInteger(size) && size >= 0;
const isIndex = (index: number, size: number): boolean => isSize(index) && isSize(size) && index < size;
const areHashes = (all: readonly Uint8Array[]): boolean => all.every((hash) => hash.length === HASH_BYTES);
const areSame = (one: Uint8Array, other: Uint8Array): boolean => one.every((byte, index) => byte === other[index]);

function isPowerOfTwo(size: number): boolean {
  let power = 1;
  while (power < size) power *= 2;
  return power === size;
}
