// Which columns a row has. A driver may describe a statement once and run it for hours without
// asking again, and it says in Bind in which format it wants each column; so rows are read with
// what the client sent before. Follows both directions as far as that takes.
//
// A pipeline names the same statement and portal again and again before the first answer comes, so
// each request is bound to what its names stood for when it was sent, and not to the names.
//
// Where the recording does not fit (COPY's odd corners, a damaged beginning) it gives no columns
// rather than wrong ones.

import { z } from 'zod';
import { KeptBytes, keptBytes, Listed, listedAt } from '../../checkpoints.ts';
import type { ScannedMessage } from './message-scanner.ts';

export interface Column {
  /** As sent, in the encoding of its time. */
  readonly name: Uint8Array;
  readonly type: number;
  readonly format: 'text' | 'binary';
}

interface Statement {
  /** As last described. */
  columns?: readonly Column[];
}

interface Portal {
  readonly statement: Statement | undefined;
  /** undefined: beyond what was kept of a long Bind. */
  readonly formats: readonly number[] | undefined;
  /** As described for this portal itself. */
  columns?: readonly Column[];
}

/** What a name stood for before: it does again where the server did not do what was asked. */
type Undo =
  | { readonly of: 'statement'; readonly name: string; readonly before: Statement | undefined }
  | { readonly of: 'portal'; readonly name: string; readonly before: Portal | undefined };

/** What the server has yet to answer: the type of its answer, and for whom. */
type Expected =
  | { readonly kind: '1' | '2' | '3'; readonly undo: Undo }
  | { readonly kind: 'Z' | 'query' }
  | { readonly kind: 'describe'; readonly what: Statement | Portal | undefined; readonly direct: boolean }
  | { readonly kind: 'execute'; readonly portal: Portal | undefined };

/** Far above what drivers keep; more names than this are not followed. */
const MAX_NAMES = 10_000;
const MAX_EXPECTED = 100_000;

export const KeptColumns = z.array(
  z.object({ name: KeptBytes, type: z.number(), format: z.literal(['text', 'binary']) }),
);
export const keptColumns = (columns: readonly Column[]): z.input<typeof KeptColumns> =>
  columns.map(({ name, type, format }) => ({ name: keptBytes(name), type, format }));

/** By its place in a list of them. */
const Place = z.number().int().min(0).nullable();
const Named = z.array(z.tuple([z.string(), z.number().int().min(0)]));

/** Statements and portals are those that names and requests share: each is listed once. */
export const DescriptionsState = z.object({
  statements: z.array(KeptColumns.nullable()),
  portals: z.array(
    z.object({ statement: Place, formats: z.array(z.number()).nullable(), columns: KeptColumns.nullable() }),
  ),
  statementNames: Named,
  portalNames: Named,
  expected: z.array(
    z.discriminatedUnion('kind', [
      z.object({
        kind: z.literal(['1', '2', '3']),
        undo: z.object({ of: z.literal(['statement', 'portal']), name: z.string(), before: Place }),
      }),
      z.object({ kind: z.literal(['Z', 'query']) }),
      z.object({ kind: z.literal('describe'), statement: Place, portal: Place, direct: z.boolean() }),
      z.object({ kind: z.literal('execute'), portal: Place }),
    ]),
  ),
  skipping: z.boolean(),
});
type DescriptionsState = typeof DescriptionsState;

export class ResultDescriptions {
  readonly #statements = new Map<string, Statement>();
  readonly #portals = new Map<string, Portal>();
  #expected: Expected[] = [];
  #first = 0;
  /** After an error the server passes over everything up to the next Sync. */
  #skipping = false;

  client({ type, body, bodyLength }: ScannedMessage): void {
    if (this.#skipping && type !== 'S') return;
    switch (type) {
      case 'P':
        this.#expect({ kind: '1', undo: this.#nameStatement(nameAt(body, 0).name, {}) });
        return;
      case 'B': {
        const portal = nameAt(body, 0);
        const { name, next } = nameAt(body, portal.next);
        const formats = body.length === bodyLength ? resultFormats(body, next) : undefined;
        // One that SQL's PREPARE made, or that was prepared before the recording is followed, is first met here.
        let statement = this.#statements.get(name);
        if (!statement) {
          statement = {};
          this.#nameStatement(name, statement);
        }
        this.#expect({ kind: '2', undo: this.#namePortal(portal.name, { statement, formats }) });
        return;
      }
      case 'D': {
        const { name } = nameAt(body, 1);
        const ofStatement = body[0] === 0x53;
        const what = ofStatement ? this.#statementOf(name) : this.#portals.get(name);
        this.#expect({ kind: 'describe', what, direct: !ofStatement && what === undefined });
        return;
      }
      case 'E':
        this.#expect({ kind: 'execute', portal: this.#portals.get(nameAt(body, 0).name) });
        return;
      case 'C': {
        const { name } = nameAt(body, 1);
        const undo = body[0] === 0x53 ? this.#nameStatement(name, undefined) : this.#namePortal(name, undefined);
        this.#expect({ kind: '3', undo });
        return;
      }
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
    if (front.what) front.what.columns = columns;
    return { direct: front.direct };
  }

  /** Of the rows that come now. */
  columns(): readonly Column[] | undefined {
    const front = this.#expected[this.#first];
    const portal = front?.kind === 'execute' ? front.portal : undefined;
    if (!portal) return undefined;
    if (portal.columns) return portal.columns;
    const { formats } = portal;
    if (!formats) return undefined;
    return portal.statement?.columns?.map((column, i) => {
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
    else if (type === 'n' && front === 'describe') this.#noData();
    else if ('CIs'.includes(type) && front === 'execute') this.#shift();
  }

  state(): z.input<DescriptionsState> {
    const statements = new Listed<Statement>();
    const portals = new Listed<Portal>();
    const expected = this.#expected.slice(this.#first).map((each): z.input<DescriptionsState>['expected'][number] => {
      if ('undo' in each) {
        const { of, name } = each.undo;
        const before = of === 'statement' ? statements.orNull(each.undo.before) : portals.orNull(each.undo.before);
        return { kind: each.kind, undo: { of, name, before } };
      }
      if (each.kind === 'execute') return { kind: each.kind, portal: portals.orNull(each.portal) };
      if (each.kind !== 'describe') return { kind: each.kind };
      const { what, direct } = each;
      const [statement, portal] = what && 'formats' in what ? [undefined, what] : [what, undefined];
      return { kind: each.kind, statement: statements.orNull(statement), portal: portals.orNull(portal), direct };
    });
    const statementNames = [...this.#statements].map(([name, what]): [string, number] => [name, statements.of(what)]);
    const portalNames = [...this.#portals].map(([name, what]): [string, number] => [name, portals.of(what)]);
    const keptPortals = portals.all.map(({ statement, formats = null, columns }) => ({
      statement: statements.orNull(statement),
      formats: formats && [...formats],
      columns: columns ? keptColumns(columns) : null,
    }));
    return {
      statements: statements.all.map(({ columns }) => (columns ? keptColumns(columns) : null)),
      portals: keptPortals,
      ...{ statementNames, portalNames, expected, skipping: this.#skipping },
    };
  }

  resume({ statements, portals, statementNames, portalNames, expected, skipping }: z.output<DescriptionsState>): void {
    const allStatements = statements.map((columns): Statement => (columns ? { columns } : {}));
    const statementAt = (place: number | null) => (place === null ? undefined : listedAt(allStatements, place));
    const allPortals = portals.map(
      ({ statement, formats, columns }): Portal => ({
        statement: statementAt(statement),
        formats: formats ?? undefined,
        ...(columns && { columns }),
      }),
    );
    const portalAt = (place: number | null) => (place === null ? undefined : listedAt(allPortals, place));
    for (const [name, place] of statementNames) put(this.#statements, name, statementAt(place));
    for (const [name, place] of portalNames) put(this.#portals, name, portalAt(place));
    this.#expected = expected.map((each): Expected => {
      switch (each.kind) {
        case 'describe':
          return { ...each, what: statementAt(each.statement) ?? portalAt(each.portal) };
        case 'execute':
          return { kind: each.kind, portal: portalAt(each.portal) };
        case 'Z':
        case 'query':
          return { kind: each.kind };
        default: {
          const { of, name, before } = each.undo;
          const undo: Undo =
            of === 'statement' ? { of, name, before: statementAt(before) } : { of, name, before: portalAt(before) };
          return { kind: each.kind, undo };
        }
      }
    });
    this.#first = 0;
    this.#skipping = skipping;
  }

  #statementOf(name: string): Statement {
    const found = this.#statements.get(name) ?? {};
    if (!this.#statements.has(name)) this.#nameStatement(name, found);
    return found;
  }

  /** `to` undefined: the name is closed. */
  #nameStatement(name: string, to: Statement | undefined): Undo {
    const before = this.#statements.get(name);
    put(this.#statements, name, to);
    return { of: 'statement', name, before };
  }

  #namePortal(name: string, to: Portal | undefined): Undo {
    const before = this.#portals.get(name);
    put(this.#portals, name, to);
    return { of: 'portal', name, before };
  }

  /** What gave rows before a change of definitions may give none now. */
  #noData(): void {
    const front = this.#expected[this.#first];
    if (front?.kind === 'describe' && front.what) delete front.what.columns;
    this.#shift();
  }

  #expect(expected: Expected): void {
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
    const undone: Undo[] = [];
    for (let front = this.#expected[this.#first]; front && front.kind !== 'Z'; front = this.#expected[this.#first]) {
      if ('undo' in front) undone.push(front.undo);
      this.#shift();
    }
    for (const undo of undone.reverse())
      if (undo.of === 'statement') put(this.#statements, undo.name, undo.before);
      else put(this.#portals, undo.name, undo.before);
    this.#skipping = this.#first === this.#expected.length;
  }

  #shift(): void {
    this.#first++;
    if (this.#first < 1024 && this.#first < this.#expected.length) return;
    this.#expected = this.#expected.slice(this.#first);
    this.#first = 0;
  }
}

function put<T>(names: Map<string, T>, name: string, value: T | undefined): void {
  if (value === undefined) names.delete(name);
  else if (names.has(name) || names.size < MAX_NAMES) names.set(name, value);
}

/** Of its bytes: two names are the same where these are, whatever the encoding. */
function nameAt(body: Uint8Array, at: number): { name: string; next: number } {
  const end = body.indexOf(0, at);
  const stop = end < 0 ? body.length : end;
  return { name: Buffer.from(body.subarray(at, stop)).toString('latin1'), next: stop + 1 };
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
