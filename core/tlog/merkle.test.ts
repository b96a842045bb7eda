import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  consistencyProof,
  emptyRoot,
  hashLeaf,
  inclusionProof,
  isContinued,
  isIncluded,
  nodesOfLeaf,
  type ReadNode,
  rootOf,
} from './merkle.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** With all its nodes in memory. */
class Tree {
  readonly leaves: Uint8Array[] = [];
  readonly #nodes = new Map<string, Uint8Array>();
  readonly read: ReadNode = (level, index) => {
    const node = this.#nodes.get(`${level}/${index}`);
    if (!node) throw new Error(`no node ${level}/${index}`);
    return node;
  };

  async add(entry: Uint8Array): Promise<void> {
    const leaf = await hashLeaf(entry);
    for (const { level, index, hash } of await nodesOfLeaf(this.leaves.length, leaf, this.read))
      this.#nodes.set(`${level}/${index}`, hash);
    this.leaves.push(leaf);
  }
}

async function treeOf(entries: readonly Uint8Array[]): Promise<Tree> {
  const tree = new Tree();
  for (const entry of entries) await tree.add(entry);
  return tree;
}

// As the certificate transparency reference implementation has them.
const ENTRIES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

test('roots are those of the reference', async () => {
  const tree = await treeOf(ENTRIES.map((entry) => Buffer.from(entry, 'hex')));
  const roots = await Promise.all(ROOTS.map((_, size) => rootOf(size, tree.read)));
  expect(roots.map(hex)).toEqual(ROOTS);
  expect(hex(await emptyRoot())).toBe(ROOTS[0]);
});

test('proofs are those of the reference', async () => {
  const tree = await treeOf(ENTRIES.map((entry) => Buffer.from(entry, 'hex')));
  expect((await inclusionProof(5, 8, tree.read)).map(hex)).toEqual([
    'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  ]);
  expect((await consistencyProof(6, 8, tree.read)).map(hex)).toEqual([
    '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
    'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  ]);
});

const MOST = 40;
const OTHER = await hashLeaf(Buffer.from('other'));
const tree = await treeOf(Array.from({ length: MOST }, (_, index) => Buffer.from(`entry ${index}`)));
const roots = await Promise.all(Array.from({ length: MOST + 1 }, (_, size) => rootOf(size, tree.read)));
const leafOf = (index: number) => tree.leaves[index] as Uint8Array;
const rootAt = (size: number) => roots[size] as Uint8Array;

describe('an entry is in a tree', () => {
  it('of every size, at its own place and no other', async () => {
    for (let size = 1; size <= MOST; size++)
      for (let index = 0; index < size; index++) {
        const proof = await inclusionProof(index, size, tree.read);
        const shown = { leafHash: leafOf(index), index, size, root: rootAt(size), proof };
        expect(await isIncluded(shown)).toBe(true);
        expect(await isIncluded({ ...shown, index: (index + 1) % size }), `${index} of ${size}`).toBe(size === 1);
        expect(await isIncluded({ ...shown, leafHash: OTHER })).toBe(false);
        expect(await isIncluded({ ...shown, proof: [...proof, leafOf(0)] })).toBe(false);
        if (size > 1) expect(await isIncluded({ ...shown, proof: proof.slice(1) })).toBe(false);
      }
  });

  it('and not in one that ends before it', async () => {
    await expect(inclusionProof(5, 5, tree.read)).rejects.toThrow('a tree of 5 entries has none of index 5');
    const shown = { leafHash: leafOf(5), index: 5, size: 5, root: rootAt(5), proof: [] };
    expect(await isIncluded(shown)).toBe(false);
    for (const index of [-1, 0.5, Number.NaN, 2 ** 60]) expect(await isIncluded({ ...shown, index })).toBe(false);
  });
});

describe('a tree continues another', () => {
  it('whatever their sizes, and only with the roots and the proof that they have', async () => {
    for (let size = 0; size <= MOST; size++)
      for (let earlier = 0; earlier <= size; earlier++) {
        const proof = await consistencyProof(earlier, size, tree.read);
        const shown = { earlier, earlierRoot: rootAt(earlier), size, root: rootAt(size), proof };
        expect(await isContinued(shown), `${size} after ${earlier}`).toBe(true);
        expect(await isContinued({ ...shown, earlierRoot: OTHER })).toBe(false);
        // What continues nothing may be anything.
        if (earlier > 0) expect(await isContinued({ ...shown, root: OTHER })).toBe(false);
        expect(await isContinued({ ...shown, proof: [...proof, OTHER] })).toBe(false);
        if (proof.length > 0) expect(await isContinued({ ...shown, proof: proof.slice(1) })).toBe(false);
      }
  });

  it('never a longer one', async () => {
    await expect(consistencyProof(6, 5, tree.read)).rejects.toThrow('continues none of 6');
    const shown = { earlier: 6, earlierRoot: rootAt(6), size: 5, root: rootAt(5), proof: [] };
    expect(await isContinued(shown)).toBe(false);
  });

  test('a tree with one entry changed continues none that had it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 20 }), fc.nat(19), fc.nat(19), async (earlier, at, more) => {
        const entries = Array.from({ length: earlier + more }, (_, index) => Buffer.from(`entry ${index}`));
        entries[at % earlier] = Buffer.from('forged');
        const forged = await treeOf(entries);
        const size = entries.length;
        const proof = await consistencyProof(earlier, size, forged.read);
        const root = await rootOf(size, forged.read);
        expect(await isContinued({ earlier, earlierRoot: rootAt(earlier), size, root, proof })).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});
