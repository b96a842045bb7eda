// Fields of SSH's binary forms (RFC 4251 section 5), as keys and certificates have them. Messages are the connector's.
//
//    uint32, uint64   big endian          string   uint32 length | bytes          mpint   string: two's complement, shortest

/** What should be there is not. */
class FieldFault extends Error {}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Reads fields one after the other; throws FieldFault where one is not there, or is not what it should be. */
export class WireFields {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get at(): number {
    return this.#at;
  }

  get ended(): boolean {
    return this.#at === this.#bytes.length;
  }

  uint32(): number {
    return viewOf(this.#take(4)).getUint32(0);
  }

  uint64(): bigint {
    return viewOf(this.#take(8)).getBigUint64(0);
  }

  /** A view. */
  string(): Uint8Array {
    return this.#take(this.uint32());
  }

  text(): string {
    try {
      return decoder.decode(this.string());
    } catch (error) {
      if (error instanceof FieldFault) throw error;
      throw new FieldFault('a text is no UTF-8');
    }
  }

  /** Of a number that is not negative, without zeros before it. */
  positive(): Uint8Array {
    const bytes = this.string();
    const [first = 0, second = 0] = bytes;
    if (bytes.length === 0 || first > 0x7f || (first === 0 && second <= 0x7f))
      throw new FieldFault('a number is not written as it should be');
    return first === 0 ? bytes.subarray(1) : bytes;
  }

  end(): void {
    if (!this.ended) throw new FieldFault('there is more than there should be');
  }

  #take(count: number): Uint8Array {
    const from = this.#at;
    if (from + count > this.#bytes.length) throw new FieldFault('it is cut short');
    this.#at += count;
    return this.#bytes.subarray(from, this.#at);
  }
}

const viewOf = ({ buffer, byteOffset, length }: Uint8Array): DataView => new DataView(buffer, byteOffset, length);

/** What `read` reads of the whole; undefined: it is not of this form. */
export function readWhole<T>(bytes: Uint8Array, read: (fields: WireFields) => T): T | undefined {
  try {
    const fields = new WireFields(bytes);
    const value = read(fields);
    fields.end();
    return value;
  } catch (error) {
    if (error instanceof FieldFault) return undefined;
    throw error;
  }
}

/** A number: uint32; a bigint: uint64; text or bytes: string; `plain`: as it is. */
type Writable = number | bigint | string | Uint8Array | { readonly plain: Uint8Array };

export function blobOf(...fields: readonly Writable[]): Uint8Array<ArrayBuffer> {
  const parts = fields.flatMap(partsOf);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function partsOf(field: Writable): Uint8Array[] {
  if (typeof field === 'string') return partsOf(encoder.encode(field));
  if (field instanceof Uint8Array) return [...partsOf(field.length), field];
  if (typeof field === 'object') return [field.plain];
  const bytes = new DataView(new ArrayBuffer(typeof field === 'number' ? 4 : 8));
  if (typeof field === 'number') bytes.setUint32(0, field);
  else bytes.setBigUint64(0, field);
  return [new Uint8Array(bytes.buffer)];
}
