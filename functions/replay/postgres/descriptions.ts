// Which columns a row has. A driver may describe a statement once and run it for hours without
// asking again, and it says in Bind in which format it wants each column; so rows are read with
// what the client sent before. Follows both directions as far as that takes.
//
// Where the recording does not fit (COPY's odd corners, a damaged beginning) it gives no columns
// rather than wrong ones.

import type { ScannedMessage } from './message-scanner.ts';
import { decodeText } from './values.ts';

export interface Column {
  readonly name: string;
  readonly type: number;
  readonly format: 'text' | 'binary';
}

interface Portal {
  readonly statement: string;
  /** undefined: beyond what was kept of a long Bind. */
  readonly formats: readonly number[] | undefined;
  /** As described for this portal itself. */
  columns?: readonly Column[];
}

/** What the server has yet to answer: the type of its answer, and for whom. */
type Expected =
  | { readonly kind: '1' | '2' | '3' | 'Z' | 'query' }
  | { readonly kind: 'describe'; readonly what: 'S' | 'P'; readonly name: string }
  | { readonly kind: 'execute'; readonly portal: Portal | undefined };

/** Far above what drivers keep; more names than this are not followed. */
const MAX_NAMES = 10_000;
const MAX_EXPECTED = 100_000;

export class Descriptions {
  readonly #statements = new Map<string, readonly Column[]>();
  readonly #portals = new Map<string, Portal>();
  #expected: Expected[] = [];
  #first = 0;
  /** After an error the server passes over everything up to the next Sync. */
  #skipping = false;

  client({ type, body, bodyLength }: ScannedMessage): void {
    switch (type) {
      case 'P':
        this.#statements.delete(nameAt(body, 0).text);
        this.#expect({ kind: '1' });
        return;
      case 'B': {
        const portal = nameAt(body, 0);
        const statement = nameAt(body, portal.next);
        const formats = body.length === bodyLength ? resultFormats(body, statement.next) : undefined;
        if (this.#portals.size < MAX_NAMES) this.#portals.set(portal.text, { statement: statement.text, formats });
        this.#expect({ kind: '2' });
        return;
      }
      case 'D': {
        const what = body[0] === 0x53 ? 'S' : 'P';
        this.#expect({ kind: 'describe', what, name: nameAt(body, 1).text });
        return;
      }
      case 'E':
        this.#expect({ kind: 'execute', portal: this.#portals.get(nameAt(body, 0).text) });
        return;
      case 'C':
        this.#expect({ kind: '3' });
        return;
      case 'S':
        this.#skipping = false;
        this.#expect({ kind: 'Z' });
        return;
      case 'Q':
      case 'F':
        this.#expect({ kind: 'query' });
        return;
      default:
    }
  }

  /** RowDescription. `direct`: it describes the rows that follow it, as in a Query's answer. */
  described(columns: readonly Column[]): { readonly direct: boolean } {
    const front = this.#expected[this.#first];
    if (front?.kind !== 'describe') return { direct: true };
    this.#shift();
    if (front.what === 'S') {
      if (this.#statements.size < MAX_NAMES) this.#statements.set(front.name, columns);
      return { direct: false };
    }
    const portal = this.#portals.get(front.name);
    if (portal) portal.columns = columns;
    return { direct: portal === undefined };
  }

  /** Of the rows that come now. */
  columns(): readonly Column[] | undefined {
    const front = this.#expected[this.#first];
    const portal = front?.kind === 'execute' ? front.portal : undefined;
    if (!portal) return undefined;
    if (portal.columns) return portal.columns;
    const { formats } = portal;
    if (!formats) return undefined;
    return this.#statements.get(portal.statement)?.map((column, i) => {
      // None: all text. One: for all. Otherwise one each.
      const format = formats.length === 1 ? formats[0] : formats[i];
      return { ...column, format: format === 1 ? 'binary' : 'text' };
    });
  }

  /** Any other message of the server. */
  server(type: string): void {
    const front = this.#expected[this.#first]?.kind;
    if (type === 'Z') this.#ready();
    else if (type === 'E') this.#failed();
    else if ((type === '1' || type === '2' || type === '3') && front === type) this.#shift();
    else if (type === 'n' && front === 'describe') this.#shift();
    else if ('CIs'.includes(type) && front === 'execute') this.#shift();
  }

  #expect(expected: Expected): void {
    if (this.#skipping && expected.kind !== 'Z') return;
    if (this.#expected.length - this.#first < MAX_EXPECTED) this.#expected.push(expected);
  }

  #ready(): void {
    while (this.#first < this.#expected.length) {
      const kind = this.#expected[this.#first]?.kind;
      this.#shift();
      if (kind === 'Z' || kind === 'query') return;
    }
  }

  #failed(): void {
    if (this.#expected[this.#first]?.kind === 'query') return;
    while (this.#first < this.#expected.length && this.#expected[this.#first]?.kind !== 'Z') this.#shift();
    this.#skipping = this.#first === this.#expected.length;
  }

  #shift(): void {
    this.#first++;
    if (this.#first < 1024 && this.#first < this.#expected.length) return;
    this.#expected = this.#expected.slice(this.#first);
    this.#first = 0;
  }
}

function nameAt(body: Uint8Array, at: number): { text: string; next: number } {
  const end = body.indexOf(0, at);
  const stop = end < 0 ? body.length : end;
  return { text: decodeText(body.subarray(at, stop)), next: stop + 1 };
}

/** From behind Bind's names: int16 n, n * int16 | int16 n, n * (int32 length, bytes) | int16 n, n * int16 format. */
function resultFormats(body: Uint8Array, from: number): number[] | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  try {
    let at = from + 2 + view.getUint16(from) * 2;
    const parameters = view.getUint16(at);
    at += 2;
    for (let i = 0; i < parameters; i++) at += 4 + Math.max(0, view.getInt32(at));
    return Array.from({ length: view.getUint16(at) }, (_, i) => view.getUint16(at + 2 + i * 2));
  } catch (fault) {
    if (fault instanceof RangeError) return undefined;
    throw fault;
  }
}
