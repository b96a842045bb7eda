// client_ed25519 of MariaDB: the nonce signed as in RFC 8032, 5.1.6, but with the password, of whatever length, in place
// of the 32 bytes of a private key. Node's own Ed25519 takes those alone, hence the curve here. It signs for the connector's own
// credential and is not constant in time: whoever measures it stands on the connector's machine.

import { createHash } from 'node:crypto';

const P = 2n ** 255n - 19n;
/** Order of the base point. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = mod(-121665n * inverse(121666n));
const BASE_Y = mod(4n * inverse(5n));

/** Extended coordinates: x = X/Z, y = Y/Z, T = XY/Z. */
type Point = readonly [x: bigint, y: bigint, z: bigint, t: bigint];

const BASE: Point = (() => {
  const square = mod((BASE_Y * BASE_Y - 1n) * inverse(D * BASE_Y * BASE_Y + 1n));
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x) !== square) x = mod(x * power(2n, (P - 1n) / 4n));
  if (x % 2n !== 0n) x = P - x;
  return [x, BASE_Y, 1n, mod(x * BASE_Y)];
})();

/** R and S, 64 bytes. */
export function ed25519Answer(password: string, nonce: Buffer): Buffer {
  const key = sha512(Buffer.from(password));
  const scalarBytes = Buffer.from(key.subarray(0, 32));
  scalarBytes[0] = (scalarBytes[0] as number) & 248;
  scalarBytes[31] = ((scalarBytes[31] as number) & 63) | 64;
  const scalar = number(scalarBytes);
  const publicKey = encode(times(scalar, BASE));
  const r = number(sha512(key.subarray(32), nonce)) % L;
  const commitment = encode(times(r, BASE));
  const challenge = number(sha512(commitment, publicKey, nonce)) % L;
  return Buffer.concat([commitment, bytes((r + challenge * scalar) % L)]);
}

/** add-2008-hwcd-3, for a = -1. */
function add([x1, y1, z1, t1]: Point, [x2, y2, z2, t2]: Point): Point {
  const a = mod((y1 - x1) * (y2 - x2));
  const b = mod((y1 + x1) * (y2 + x2));
  const c = mod(2n * t1 * D * t2);
  const d = mod(2n * z1 * z2);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

function times(scalar: bigint, point: Point): Point {
  let sum: Point = [0n, 1n, 1n, 0n];
  let power = point;
  for (let left = scalar; left > 0n; left >>= 1n) {
    if (left & 1n) sum = add(sum, power);
    power = add(power, power);
  }
  return sum;
}

function encode([x, y, z]: Point): Buffer {
  const over = inverse(z);
  const encoded = bytes(mod(y * over));
  if (mod(x * over) % 2n !== 0n) encoded[31] = (encoded[31] as number) | 128;
  return encoded;
}

const sha512 = (...parts: readonly Buffer[]): Buffer => {
  const hash = createHash('sha512');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const number = (littleEndian: Buffer): bigint => BigInt(`0x${Buffer.from(littleEndian).reverse().toString('hex')}`);
const bytes = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse();

function mod(value: bigint): bigint {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}

function inverse(value: bigint): bigint {
  return power(value, P - 2n);
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = mod(base);
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}
