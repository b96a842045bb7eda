// The guide of a session: knows by the pipeline which statement the target answers, by the statement's
// text what its columns are made of, and by the catalogue what stands behind those. Waits for the
// catalogue before the first message that needs it, once for each result; what is then not known is
// withheld.
//
// Where a client skips Describe, the description that its statement got earlier counts, with the formats of
// the Bind; without one, a column passes only where the parse tree knows what it is made of.

import type { Origin } from '../../../../core/masking/columns.ts';
import type { Masks } from '../../../../core/masking/masks.ts';
import type { SessionGuard } from '../../../protocol.ts';
import { message } from '../messages.ts';
import type { Portal, Prepared, Source } from '../names.ts';
import { failingParse } from '../refusals.ts';
import type { Statement } from '../statement-facts.ts';
import type { Statements } from '../statements.ts';
import { AskedNames } from './asked-names.ts';
import type { Catalogue } from './catalogue.ts';
import { type CatalogueLease, MAX_CATALOGUE_AGE_MS } from './catalogues.ts';
import type { CopyPlan } from './copy-out.ts';
import { type Current, currentOf, formatsOf } from './current-answer.ts';
import { Descriptions } from './descriptions.ts';
import { EarlierNames } from './earlier-names.ts';
import { type OwnCode, OwnCodeOf, writesThrough } from './own-code.ts';
import { CellRefused, REASONS, refusedResult, type ResultRefusal } from './refused-result.ts';
import { factsOf, type StatementFacts, unknownNames } from './result-facts.ts';
import type { ResultGuide } from './result-masker.ts';
import { planFields, type ResultPlan, withOrigin } from './result-plan.ts';
import type { ResultField } from './row-description.ts';
import { SessionCatalogue } from './session-catalogue.ts';
import { SessionMemory } from './session-memory.ts';
import type { Readings, StatementReading, TextReading } from './statement-reading.ts';
import type { Format } from './types.ts';
import { TransactionWords, valuesOf } from './transaction-words.ts';
import { planUndescribed } from './undescribed-result.ts';
import { UntouchedAnswers } from './untouched-answers.ts';
import { settles, together, type Words, wordsOf } from './words-sent.ts';

/** From this age on it is read again while nobody waits. */
const REFRESH_AFTER_MS = 5_000;

const ROW_DESCRIPTION = 0x54;
const DATA_ROW = 0x44;
const COPY_OUT = 0x48;
const ERROR = 0x45;
const NOTICE = 0x4e;
const READY_FOR_QUERY = 0x5a;

export interface LiveGuideParts {
  readonly guard: SessionGuard;
  readonly statements: Statements;
  readonly readings: Readings;
  readonly lease: CatalogueLease;
  /** Statements were sent before. */
  readonly begun: boolean;
  /** To the target, between the client's messages. False: a message of the client is half on its way. */
  readonly interject: (bytes: Buffer) => boolean;
  /** The catalogue came: the masker goes on. */
  readonly onReady: () => void;
}

export class LiveGuide implements ResultGuide {
  readonly #parts: LiveGuideParts;
  readonly memory: SessionMemory;
  readonly own: SessionCatalogue;
  /** When the guide began: a catalogue of before may be too old. */
  readonly #began: number;
  #waited = false;
  #waiting = false;
  /** For the result at hand. */
  #catalogue: Catalogue | undefined;
  /** Of the answer to a Query: the description at hand. */
  #described: readonly ResultField[] | undefined;
  readonly #ofPrepared = new WeakMap<Prepared, readonly ResultField[]>();
  readonly #ofPortal = new WeakMap<Portal, readonly ResultField[]>();
  readonly #descriptions = new Descriptions();
  readonly #untouched = new UntouchedAnswers();
  /** Descriptions that nothing is missing for, with what that was asked of. */
  readonly #complete = new WeakMap<
    readonly ResultField[],
    { readonly catalogue: Catalogue; readonly statement: StatementReading | undefined }
  >();
  readonly #runs = new OwnCodeOf();
  readonly #names: EarlierNames;
  readonly #asked = new AskedNames();
  readonly #texts = new WeakMap<Source, TextReading>();
  readonly #words: TransactionWords;
  readonly #known = new WeakMap<
    StatementReading,
    { catalogue: Catalogue | undefined; masks: Masks; facts: StatementFacts }
  >();
  /** A statement that was sent as a whole text, and whose result was refused. */
  #refusedQuery = false;
  /** Of the transaction that is open, and the number of the last statement in front of it. */
  #own: { readonly catalogue: Catalogue; readonly behind: number } | undefined;
  /** `memory.changes` when that was read, or could not be. */
  #understood = -1;
  /** The target was told to fail the transaction. */
  #aborting = false;
  readonly #plans = new WeakMap<
    readonly ResultField[],
    { facts: StatementFacts; masks: Masks; formats: string; plan: ResultPlan | undefined }
  >();
  #reportedFault: string | undefined;
  #sentAny: boolean;

  constructor(parts: LiveGuideParts) {
    this.#parts = parts;
    this.memory = new SessionMemory(
      parts.begun,
      () => this.masks.strict,
      () => parts.statements.readsLetters,
    );
    this.#names = new EarlierNames(this.memory);
    this.#words = new TransactionWords(parts.begun);
    this.#sentAny = parts.begun;
    this.#began = parts.lease.now();
    this.own = new SessionCatalogue({ pipeline: parts.statements.pipeline, interject: parts.interject });
    parts.lease.watch(() => this.#changing());
    if (this.masks.columnRules.length > 0) void parts.lease.refresh(this.#began - MAX_CATALOGUE_AGE_MS);
  }

  get masks(): Masks {
    return this.#parts.guard.rules.masks;
  }

  // --- from the client ---

  /** The target will run it. */
  sent(statement: Statement, portal: Portal | undefined): void {
    this.settle();
    this.#sentAny = true;
    this.#names.lastNumber = statement.number;
    if (callsLargeObjects(statement)) return;
    if (this.masks.columnRules.length === 0) {
      // Not read, and so not known if there come to be column rules.
      this.memory.missed();
      this.#words.add(undefined, statement.number, []);
      return;
    }
    const reading = this.#executed(statement, portal);
    this.#words.add(reading, statement.number, valuesOf(portal?.parameters));
    this.memory.sent(
      statement,
      reading,
      (one) => {
        const catalogue = this.#ownFor(statement.number) ?? this.#parts.lease.current;
        if (!one.fillsSettings && !writesThrough(one, catalogue)) return false;
        this.memory.fillsUnder(this.masks);
        const touched = this.factsFor(one, reading, statement.number, []).touched;
        return touched === 'unknown' || touched.length > 0;
      },
      (one) => this.#ownCodeOf(one, statement.number),
    );
  }

  #ownCodeOf(one: StatementReading, number: number): OwnCode {
    const catalogue = this.#latest(number);
    return this.#runs.of(one, catalogue, this.memory.stateFor(number, []));
  }

  /** The client's own PREPARE of a name: EXECUTE in SQL reaches it. */
  parsed(prepared: Prepared): void {
    this.#names.parsed(prepared);
    if (this.masks.columnRules.length === 0) return;
    const [only, ...more] = this.readingOf(prepared.source)?.statements ?? [];
    if (only && more.length === 0 && prepared.name !== '') this.memory.define('prepared', prepared.name, only);
  }

  /** The client's own portal: FETCH in SQL reaches it. */
  bound(portal: Portal): void {
    const certain = this.masks.columnRules.length > 0 && portal.meanings.length === 1;
    this.#names.bound(portal, certain ? this.readingOf(portal.prepared?.source) : undefined);
  }

  readingOf(source: Source | undefined): TextReading | undefined {
    if (source?.text === undefined) return undefined;
    const known = this.#texts.get(source);
    if (known) return known;
    const reading = this.#parts.readings.read(source.text, source.settings);
    this.#texts.set(source, reading);
    return reading;
  }

  /** What is known of a statement that is not answered yet. */
  factsFor(
    statement: StatementReading | undefined,
    reading: TextReading | undefined,
    number: number,
    earlier: readonly StatementReading[],
  ): StatementFacts {
    const catalogue = this.#latest(number);
    return this.#facts(statement, reading, catalogue, number, earlier);
  }

  #latest(number: number): Catalogue | undefined {
    const { current, changedAt } = this.#parts.lease;
    return this.#ownFor(number) ?? (current && current.asOf >= changedAt ? current : undefined);
  }

  #facts(
    statement: StatementReading | undefined,
    reading: TextReading | undefined,
    catalogue: Catalogue | undefined,
    number: number,
    earlier: readonly StatementReading[],
  ): StatementFacts {
    const { masks } = this;
    const state = {
      ...this.memory.ruledBy(masks).stateFor(number, earlier, statement),
      fault: this.#parts.lease.fault,
    };
    const alike = statement !== undefined && !state.dirty && !state.settingsFilled && statement.alone;
    const known = alike ? this.#known.get(statement) : undefined;
    if (known && known.catalogue === catalogue && known.masks === masks) return known.facts;
    const facts = factsOf(statement, reading?.text ?? '', catalogue, masks, state);
    if (alike) this.#known.set(statement, { catalogue, masks, facts });
    return facts;
  }

  /**
   * Before a message that the target would run is judged: where definitions changed in a transaction that is open, its
   * own view of them is read first. Undefined: all is known that can be. `begun`: messages of the same pipeline went before.
   */
  understand(begun: boolean): Promise<void> | undefined {
    if (this.masks.columnRules.length === 0) return undefined;
    this.settle();
    const { memory } = this;
    if (begun || !memory.undigested || memory.changes === this.#understood) return undefined;
    const { pipeline } = this.#parts.statements;
    if (!pipeline.busy && pipeline.transaction !== 'T') return undefined;
    return this.#understand();
  }

  async #understand(): Promise<void> {
    const { memory } = this;
    const { changes } = memory;
    try {
      const names = await this.own.read();
      if (names) {
        const catalogue = await this.#parts.lease.ofSession(names);
        if (memory.changes !== changes || !memory.undigested) return;
        this.#own = { catalogue, behind: this.#names.lastNumber };
        memory.digested();
      }
    } catch {
      // It stays unknown, and what hangs on it is refused.
    } finally {
      this.#understood = changes;
    }
  }

  /** For a statement: the catalogue as its transaction has it, where that is another. */
  #ownFor(number: number): Catalogue | undefined {
    const own = this.#own;
    return own && number > own.behind ? own.catalogue : undefined;
  }

  /** Before a message is looked at: whether a transaction that changed definitions is over, so that the catalogue has them. */
  settle(): void {
    const { pipeline } = this.#parts.statements;
    if (pipeline.transaction !== 'I' || pipeline.busy) return;
    this.#words.clear();
    if (!this.#over()) return;
    // Later than any change: the answer to it has come.
    this.#parts.lease.changed();
  }

  /** No transaction is open: what is there for all counts again. Says whether definitions changed in what is over. */
  #over(): boolean {
    this.#own = undefined;
    return this.memory.idle();
  }

  /** What it changed may be there for all by now, and its end has not come. */
  #changing(): boolean {
    this.settle();
    return this.memory.changing && this.#parts.statements.pipeline.busy;
  }

  /** The session is over. What it changed and nobody saw the end of counts for others. */
  closed(): void {
    this.own.close();
    if (this.#over()) this.#parts.lease.changed();
  }

  // --- from the target ---

  /** Definitions may have changed: the catalogue shall have them before the client goes on, or nothing of what it sends next is certain. */
  get asksWhenReady(): boolean {
    return this.memory.changing || this.#waited;
  }

  ready(type: number, body: Buffer | undefined): boolean {
    if (this.masks.columnRules.length === 0) return true;
    if (this.#waiting) return false;
    const { lease } = this.#parts;
    if (type === READY_FOR_QUERY) {
      const over = body?.toString() === 'I' && this.#parts.statements.pipeline.ending;
      this.#waited = false;
      if (!over || !this.#over()) return true;
      lease.changed();
      return this.#wait(lease.changedAt);
    }
    if (type !== ROW_DESCRIPTION && type !== DATA_ROW && type !== COPY_OUT) {
      const first = !lease.current && this.#sentAny && (type === ERROR || type === NOTICE) && !this.#waited;
      this.#waited = false;
      return first ? this.#wait(this.#began) : true;
    }
    const now = lease.now();
    const fields = type === ROW_DESCRIPTION && body ? this.#descriptions.read(body) : undefined;
    const since = this.#waited ? undefined : this.#needed(now, fields);
    this.#waited = false;
    if (since === undefined) {
      const { next } = this.#parts.statements.pipeline;
      const own = next && 'statement' in next ? this.#ownFor(next.statement.number) : undefined;
      this.#catalogue = own ?? this.#usable(now);
      if (own) return true;
      if (!this.#catalogue) this.#reportFault();
      else if (this.#catalogue.asOf < now - REFRESH_AFTER_MS) void lease.refresh(now - REFRESH_AFTER_MS);
      return true;
    }
    return this.#wait(since);
  }

  #wait(since: number): false {
    this.#waiting = true;
    void this.#parts.lease.refresh(since).then(() => {
      this.#waiting = false;
      this.#waited = true;
      this.#parts.onReady();
    });
    return false;
  }

  described(body: Buffer): void {
    const fields = this.#descriptions.read(body);
    const { next } = this.#parts.statements.pipeline;
    if (next?.kind === 'describe') {
      if (!fields) return;
      if (next.prepared) this.#ofPrepared.set(next.prepared, fields);
      if (next.portal) this.#ofPortal.set(next.portal, fields);
      // JDBC describes the first portal of a prepared statement, and none after it.
      if (next.portal?.prepared && next.portal.meanings.length === 1)
        this.#ofPrepared.set(next.portal.prepared, fields);
    } else this.#described = fields;
  }

  rows(): ResultPlan | undefined {
    const { masks } = this;
    if (!masks.any) return undefined;
    const current = this.#current();
    const facts = this.#factsOf(current);
    const { portal } = current;
    const exact = current.query ? this.#described : portal && this.#ofPortal.get(portal);
    if (exact) {
      const plan = this.#plan(exact, facts, undefined, true);
      if (!plan) this.#learn(current, exact);
      return plan;
    }
    const meant = portal?.meanings.length === 1 ? portal.prepared : undefined;
    const earlier = meant && this.#ofPrepared.get(meant);
    if (earlier && portal?.formats) return this.#plan(earlier, facts, formatsOf(portal), false);
    const plan = (fields: readonly ResultField[], formats: readonly Format[]) =>
      this.#plan(fields, facts, formats, false);
    return planUndescribed(masks, current, plan);
  }

  /** One whole answer, like an earlier one of which nothing was touched: it need not be looked at. */
  passes(chunk: Buffer): boolean {
    const { only } = this.#parts.statements.pipeline;
    const statement = only && this.#alone(currentOf(only, (one, portal) => this.#executed(one, portal)));
    if (!statement || this.#waiting) return false;
    const { masks } = this;
    if (masks.columnRules.length === 0) return this.#untouched.covers(chunk, statement, masks, undefined);
    const { lease } = this.#parts;
    if (lease.changing()) return false;
    const catalogue = this.#usable(lease.now(), REFRESH_AFTER_MS);
    return catalogue !== undefined && this.#untouched.covers(chunk, statement, masks, catalogue);
  }

  /** What it means hangs on nothing that the session did, and it is all that its text says. */
  #alone({ reading, statement, number }: Current): StatementReading | undefined {
    if (!statement?.alone || statement.changesDefinitions || reading?.statements?.length !== 1) return undefined;
    return this.memory.changing || this.memory.changedBefore(number) || this.memory.settingsFilled
      ? undefined
      : statement;
  }

  #learn(current: Current, fields: readonly ResultField[]): void {
    const statement = this.#alone(current);
    const description = this.#descriptions.bodyOf(fields);
    const { masks } = this;
    if (statement && description)
      this.#untouched.learn(
        statement,
        masks,
        masks.columnRules.length === 0 ? undefined : this.#catalogue,
        description,
      );
  }

  copyOut(binary: boolean, columns: number): CopyPlan | undefined {
    if (!this.masks.any) return undefined;
    const current = this.#current();
    // Where one letter's byte may be another's delimiter, no field is found.
    if (!binary && this.memory.encodingBefore(current.number, current.earlier)) throw new CellRefused(REASONS.encoding);
    return this.#factsOf(current).copy(binary, columns);
  }

  /** What stands in for the result under way. The client must not think that it knows what the target made of the rest. */
  refuse(refusal: ResultRefusal): Buffer {
    const { statements } = this.#parts;
    const { query, statement } = this.#current();
    this.#refusedQuery = query;
    statements.pipeline.runsUnseen();
    statements.names.preparedComplete = false;
    statements.names.portalsComplete = false;
    const writes = statement?.writes.length !== 0;
    return refusedResult(refusal, writes && statements.pipeline.transaction === 'I');
  }

  /**
   * The target went on where the client was told of an error. In a transaction it is told to fail too, so that both agree;
   * outside of one all is over.
   */
  refusedEnds(body: Buffer): 'goes' | 'aborting' | { readonly fault: string } {
    if (this.#aborting || body.toString() !== 'T') {
      this.#aborting = false;
      return 'goes';
    }
    const { pipeline } = this.#parts.statements;
    if (!pipeline.ending || !this.#parts.interject(Buffer.concat([failingParse(ABORTING), SYNC_MESSAGE])))
      return { fault: 'a result could not be shown, and statements behind it were on their way already' };
    this.#aborting = true;
    return 'aborting';
  }

  calledPasses(): boolean {
    const { next } = this.#parts.statements.pipeline;
    if (next?.kind !== 'function' || !callsLargeObjects(next.statement)) return false;
    return !(this.masks.strict && next.statement.calls === LOREAD);
  }

  refusedCopyIn(): string | undefined {
    const fails = this.#refusedQuery && this.#parts.interject(message('f', 'a result before it could not be shown\0'));
    return fails ? undefined : 'a result could not be shown, and COPY data was asked for behind it';
  }

  /** As recorded: what the target quotes of it is in the recording too. */
  statement(): Words {
    const { next, transaction } = this.#parts.statements.pipeline;
    const later = Number.MAX_SAFE_INTEGER;
    if (next?.kind === 'parse') return this.#wordsOf(next.prepared, later, [next.prepared.name]);
    if (next?.kind === 'describe') return this.#wordsOf(next.prepared ?? next.portal?.prepared, later, [next.name]);
    if (next?.kind === 'bind') {
      const { name, statement, prepared, parameters } = next.portal;
      return this.#wordsOf(prepared, later, [name, statement, ...valuesOf(parameters)]);
    }
    if (!next || !('statement' in next)) return this.#wordsOfTransaction();
    const { reading, number, portal } = this.#current();
    const values = [next.statement.portal ?? '', portal?.statement ?? '', ...valuesOf(portal?.parameters)];
    const own = together([this.#wordsOfText(reading, number)], values);
    // A Query ends what stands before it without a Sync.
    const ends = settles(reading) || (next.kind === 'query' && transaction !== 'T');
    return ends ? together([own, this.#wordsOfTransaction()], []) : own;
  }

  get settingsFilled(): boolean {
    return this.memory.ruledBy(this.masks).settingsFilled;
  }

  settingWithheld(): void {
    this.memory.settingHolds();
  }

  // --- what they need ---

  #wordsOf(prepared: Prepared | undefined, number: number, values: readonly string[]): Words {
    return together([this.#wordsOfText(this.readingOf(prepared?.source), number)], values);
  }

  #wordsOfText(reading: TextReading | undefined, number: number): Words {
    return wordsOf(reading, this.masks, (one, earlier) => this.factsFor(one, reading, number, earlier));
  }

  #wordsOfTransaction(): Words {
    const { texts, values, complete } = this.#words;
    const each = [...texts].map(([reading, number]) => this.#wordsOfText(reading, number));
    const { text, mayTouch, otherCode } = together(each, values);
    return { text, mayTouch: mayTouch || !complete, otherCode: otherCode || !complete || this.masks.strict };
  }

  #current(): Current {
    const { next } = this.#parts.statements.pipeline;
    return currentOf(next, (statement, portal) => this.#executed(statement, portal));
  }

  #executed(statement: Statement, portal: Portal | undefined): TextReading | undefined {
    if (portal && this.#names.mayBeOthers(portal, statement.number)) return undefined;
    return this.readingOf(statement.source) ?? this.#namedInSql(portal);
  }

  /** PREPARE and DECLARE in SQL, run through the protocol. */
  #namedInSql(portal: Portal | undefined): TextReading | undefined {
    if (!portal || portal.prepared?.source?.text !== undefined) return undefined;
    const found = this.memory.defined('prepared', portal.statement);
    return found && { text: '', statements: [found] };
  }

  #factsOf({ statement, reading, number, earlier }: Current): StatementFacts {
    return this.#facts(statement, reading, this.#catalogue, number, earlier);
  }

  #plan(
    fields: readonly ResultField[],
    facts: StatementFacts,
    formats: readonly Format[] | undefined,
    exact: boolean,
  ): ResultPlan | undefined {
    const { masks } = this;
    // One description serves many statements: what it proves, and in which formats, is part of the question.
    const asked = `${exact} ${formats?.join() ?? 'as described'}`;
    const known = this.#plans.get(fields);
    if (known && known.facts === facts && known.masks === masks && known.formats === asked) return known.plan;
    const lineage = facts.lineage(fields.length);
    // An earlier description may be of another table of that name: it proves nothing by itself.
    const counted = exact
      ? fields
      : fields.map((field, index) => ((lineage?.[index] ?? 'unknown') === 'unknown' ? { ...field, table: 0 } : field));
    const resolve = (table: number, attribute: number) => this.#origin(table, attribute, facts, lineage !== undefined);
    const surest = exact ? lineage?.map((one, index) => withOrigin(one, fields[index], resolve)) : lineage;
    const { touched, explained, shaped, why } = facts;
    const types = facts.types(fields.length);
    const about = { lineage: surest, touched, explained, shaped, why, types, formats };
    const plan = planFields(masks, counted, about, resolve);
    // What is withheld is told each time.
    if (!plan?.refused) this.#plans.set(fields, { facts, masks, formats: asked, plan });
    return plan;
  }

  #origin(table: number, attribute: number, facts: StatementFacts, followed: boolean): Origin | undefined {
    if (!facts.originsCount) return undefined;
    const origin = this.#catalogue?.origin(table, attribute);
    // Of what cannot be followed, a view may have been made anew within the transaction.
    const view = 'vm'.includes(this.#catalogue?.relation(table)?.kind ?? 'v');
    return origin && view && !followed ? { ...origin, bases: 'unknown' } : origin;
  }

  /** From when on a load must have begun for what comes; undefined: what is at hand will do. */
  #needed(now: number, fields: readonly ResultField[] | undefined): number | undefined {
    const { lease } = this.#parts;
    const asked = this.#current();
    if (this.#ownFor(asked.number)) return undefined;
    const changing = lease.changing();
    const { current, changedAt } = lease;
    if (!current) return changing ? now : Math.min(this.#began, now);
    const oldest = Math.max(changedAt, now - MAX_CATALOGUE_AGE_MS);
    if (current.asOf < oldest) return oldest;
    const { statement, number, earlier, portal } = asked;
    // What the session changed itself and did not commit, no load can see.
    if (this.memory.stateFor(number, earlier).dirty) return undefined;
    if (changing) return now;
    const described = fields ?? (portal?.prepared ? this.#ofPrepared.get(portal.prepared) : undefined) ?? NO_FIELDS;
    const complete = this.#complete.get(described);
    if (complete?.catalogue === current && complete.statement === statement) return undefined;
    const missing = [
      ...described.flatMap(({ table, attribute }) =>
        table !== 0 && attribute > 0 && !current.origin(table, attribute) ? [`${table}.${attribute}`] : [],
      ),
      ...(statement ? unknownNames(statement, current) : []),
    ];
    if (missing.length === 0) this.#complete.set(described, { catalogue: current, statement });
    return this.#asked.isWorthIt(missing, now) ? now : undefined;
  }

  #usable(now: number, oldestMs = MAX_CATALOGUE_AGE_MS): Catalogue | undefined {
    const { current, changedAt } = this.#parts.lease;
    if (!current) return undefined;
    return current.asOf >= Math.max(changedAt, now - oldestMs) ? current : undefined;
  }

  #reportFault(): void {
    const fault = this.#parts.lease.fault ?? 'too old';
    if (fault === this.#reportedFault) return;
    this.#reportedFault = fault;
    this.masks.report({ kind: 'mask.withheld', reason: 'catalogue_unavailable' });
  }
}

const ABORTING = 'gatehouse_abort';
const SYNC_MESSAGE = message('S');
/** lo_open, lo_close, loread, lowrite, lo_lseek, lo_creat, lo_tell, lo_unlink, lo_create, lo_truncate and those of 64 bits, as drivers call them (pg_proc.dat). */
const LARGE_OBJECTS: ReadonlySet<number> = new Set([
  952, 953, 954, 955, 956, 957, 958, 964, 715, 1004, 3170, 3171, 3172,
]);
const LOREAD = 954;
const callsLargeObjects = ({ calls }: Statement): boolean => calls !== undefined && LARGE_OBJECTS.has(calls);
const NO_FIELDS: readonly ResultField[] = [];
