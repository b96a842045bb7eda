// Arrays of text: elements are masked one by one, shape and NULLs stay.

/** An array literal: `{a,"b c",NULL}`, nested, or with bounds in front. */
export function maskArrayLiteral(literal: string, mask: (element: string) => string | null): string {
  const body = Math.max(0, literal.indexOf('{'));
  const masked = literal
    .slice(body)
    .replace(/"((?:[^"\\]|\\[\s\S])*)"|[^{},]+/g, (token, quoted: string | undefined) => {
      if (quoted === undefined && token.toUpperCase() === 'NULL') return token;
      return quoteElement(mask(quoted === undefined ? token : quoted.replace(/\\([\s\S])/g, '$1')));
    });
  return literal.slice(0, body) + masked;
}

const quoteElement = (value: string | null): string =>
  value === null ? 'NULL' : `"${value.replace(/[\\"]/g, '\\$&')}"`;

/** `type`: of the element; `value`: in that format. */
export function arrayOfOne(type: number, format: 'text' | 'binary', value: Buffer): Buffer {
  if (format === 'text') return Buffer.from(`{${quoteElement(value.toString())}}`);
  const head = Buffer.alloc(24);
  // One dimension, no NULLs, the type; one element from 1 on; its length.
  [1, 0, type, 1, 1, value.length].forEach((word, index) => {
    head.writeInt32BE(word, index * 4);
  });
  return Buffer.concat([head, value]);
}

/** int32 dimensions | int32 has NULLs | int32 type | each: int32 size, int32 bound | each: int32 length (-1: NULL), bytes */
export function maskBinaryArray(b: Buffer, mask: (element: string) => string | null): Buffer | null {
  if (b.length < 12) return null;
  const headEnd = 12 + b.readInt32BE(0) * 8;
  if (headEnd < 12 || headEnd > b.length) return null;
  const head = Buffer.from(b.subarray(0, headEnd));
  const parts: Buffer[] = [head];
  for (let at = headEnd; at < b.length; ) {
    if (at + 4 > b.length) return null;
    const length = b.readInt32BE(at);
    at += 4;
    const masked = length < 0 ? null : mask(b.toString('utf8', at, at + length));
    const value = masked === null ? undefined : Buffer.from(masked);
    const size = Buffer.alloc(4);
    size.writeInt32BE(value ? value.length : -1);
    if (!value) head.writeInt32BE(1, 4);
    parts.push(size, ...(value ? [value] : []));
    at += Math.max(0, length);
  }
  return Buffer.concat(parts);
}
