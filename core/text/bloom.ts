// Which terms a search segment, or a piece of the audit log, may hold: a bloom filter, so that a query does not fetch what has nothing for it.
//
//   byte 0     k, the number of bits a term sets
//   bytes 1..  bits; bit i is byte i >> 3, 1 << (i & 7)

const BITS_PER_TERM = 10;
const HASHES = 7;
/** Below DynamoDB's 400 KB an item. With more terms than it is made for it only says "perhaps" more often. */
const MAX_BYTES = 256 * 1024;

export function makeBloom(terms: ReadonlySet<string>): Uint8Array {
  const size = Math.min(MAX_BYTES, Math.max(8, Math.ceil((terms.size * BITS_PER_TERM) / 8)));
  const bloom = new Uint8Array(size + 1);
  bloom[0] = HASHES;
  for (const term of terms)
    for (const bit of bitsOf(term, HASHES, size * 8)) {
      const byte = 1 + (bit >> 3);
      bloom[byte] = (bloom[byte] ?? 0) | (1 << (bit & 7));
    }
  return bloom;
}

export function mayHold(bloom: Uint8Array, term: string): boolean {
  const bits = (bloom.length - 1) * 8;
  for (const bit of bitsOf(term, bloom[0] ?? HASHES, bits))
    if (((bloom[1 + (bit >> 3)] ?? 0) & (1 << (bit & 7))) === 0) return false;
  return true;
}

/** Two hashes make all of them (Kirsch and Mitzenmacher). */
function* bitsOf(term: string, count: number, bits: number): Generator<number> {
  const first = fnv1a(term, 0x811c9dc5);
  const second = fnv1a(term, 0x01000193 ^ first) | 1;
  for (let i = 0; i < count; i++) yield ((first + Math.imul(i, second)) >>> 0) % bits;
}

function fnv1a(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  // What differs in the last characters only reaches all bits.
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 12)) >>> 0;
}
