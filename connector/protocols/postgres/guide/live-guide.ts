// The guide of a session: knows by the pipeline which statement the target answers, by the statement's text what its
// columns are made of, and by the catalogue what stands behind those. Waits for the catalogue before the first message
// that needs it, once for each result; what is then not known is refused.
//
// Where a client skips Describe, the description that its statement got earlier counts, with the formats of
// the Bind; without one, a column passes only where the parse tree knows what it is made of.

import type { Masks } from '../../../../core/masking/masks.ts';
import type { SessionGuard } from '../../../action.ts';
import type { Statements } from '../pipeline/statements.ts';
import { AskedNames } from './asked-names.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import { type CatalogueLease, MAX_CATALOGUE_AGE_MS } from '../catalogue/catalogues.ts';
import type { CopyPlan } from '../results/copy-plan.ts';
import { type Current, currentOf, formatsOf } from './current-answer.ts';
import { DescribedResults } from './described-results.ts';
import { Descriptions } from '../wire/descriptions.ts';
import { EarlierNames } from './earlier-names.ts';
import { callsLargeObjects, LOREAD } from './large-objects.ts';
import { OpenTransaction } from './open-transaction.ts';
import { FreshCatalogue } from '../catalogue/fresh-catalogue.ts';
import { type OwnCodeReach, OwnCodeOf, writesThrough } from './own-code.ts';
import { RefusedAnswers, type RefusedEnd } from './refused-answers.ts';
import { CellRefused, REASONS, type ResultRefusal } from '../values/refused-result.ts';
import { knowledgeOf, type ResultKnowledge } from './result-knowledge.ts';
import type { ResultGuide, Words } from '../results/result-guide.ts';
import type { ResultPlan } from '../values/result-plan.ts';
import { ResultPlans } from './result-plans.ts';
import type { ResultField } from '../wire/row-description.ts';
import { SessionCatalogue } from '../catalogue/session-catalogue.ts';
import { SessionMemory } from './session-memory.ts';
import { StatementWords } from './statement-words.ts';
import type { Readings, StatementReading, TextReading } from '../catalogue/statement-reading.ts';
import type { Format } from '../wire/types.ts';
import { planUndescribed } from './undescribed-result.ts';
import { UntouchedAnswers } from './untouched-answers.ts';
import type { Portal, Prepared, StatementSource, Statement } from '../pipeline/statement.ts';

/** From this age on it is read again while nobody waits. */
const REFRESH_AFTER_MS = 5_000;

const ROW_DESCRIPTION = 0x54;
const DATA_ROW = 0x44;
const COPY_OUT = 0x48;
const ERROR = 0x45;
const NOTICE = 0x4e;
const READY_FOR_QUERY = 0x5a;

interface LiveGuideParts {
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
  readonly #descriptions = new Descriptions();
  readonly #described = new DescribedResults();
  readonly #untouched = new UntouchedAnswers();
  readonly #runs = new OwnCodeOf();
  readonly #names: EarlierNames;
  readonly #asked = new AskedNames();
  readonly #words: StatementWords;
  readonly #known = new WeakMap<
    StatementReading,
    { catalogue: Catalogue | undefined; masks: Masks; facts: ResultKnowledge }
  >();
  readonly #refused: RefusedAnswers;
  readonly #open: OpenTransaction;
  readonly #fresh: FreshCatalogue;
  readonly #plans: ResultPlans;
  #reportedFault: string | undefined;
  #sentAny: boolean;

  constructor(parts: LiveGuideParts) {
    this.#parts = parts;
    this.memory = new SessionMemory(
      parts.begun,
      () => this.masks.strict,
      () => parts.statements.readsLetters,
      () => parts.statements.settings.get('DateStyle'),
    );
    this.#names = new EarlierNames(this.memory);
    this.#words = new StatementWords({
      pipeline: parts.statements.pipeline,
      begun: parts.begun,
      masks: () => this.masks,
      readingOf: (source) => this.readingOf(source),
      factsFor: (one, reading, number, earlier) => this.factsFor(one, reading, number, earlier),
    });
    this.#sentAny = parts.begun;
    this.#began = parts.lease.now();
    const { pipeline } = parts.statements;
    this.own = new SessionCatalogue({ pipeline, interject: parts.interject });
    this.#fresh = new FreshCatalogue(parts.lease, this.#began);
    this.#open = new OpenTransaction({ pipeline, memory: this.memory, lease: parts.lease, session: this.own });
    this.#refused = new RefusedAnswers(parts);
    this.#plans = new ResultPlans(
      () => this.masks,
      () => this.#catalogue,
    );
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
      this.#words.add(undefined, statement.number, undefined);
      return;
    }
    const reading = this.#executed(statement, portal);
    this.#words.add(reading, statement.number, portal);
    this.memory.sent(
      statement,
      reading,
      (one) => {
        const catalogue = this.#open.catalogueFor(statement.number) ?? this.#parts.lease.current;
        if (!one.fillsSettings && !writesThrough(one, catalogue)) return false;
        this.memory.fillsUnder(this.masks);
        const touched = this.factsFor(one, reading, statement.number, []).touched;
        return touched === 'unknown' || touched.length > 0;
      },
      (one) => this.#ownCodeOf(one, statement.number),
    );
  }

  #ownCodeOf(one: StatementReading, number: number): OwnCodeReach {
    return this.#runs.of(one, this.#latest(number), this.memory.stateFor(number, []));
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

  readingOf(source: StatementSource | undefined): TextReading | undefined {
    return source && this.#parts.readings.of(source);
  }

  /** What is known of a statement that is not answered yet. */
  factsFor(
    statement: StatementReading | undefined,
    reading: TextReading | undefined,
    number: number,
    earlier: readonly StatementReading[],
  ): ResultKnowledge {
    return this.#facts(statement, reading, this.#latest(number), number, earlier);
  }

  #latest = (number: number) => this.#open.catalogueFor(number) ?? this.#parts.lease.usable();

  #facts(
    statement: StatementReading | undefined,
    reading: TextReading | undefined,
    catalogue: Catalogue | undefined,
    number: number,
    earlier: readonly StatementReading[],
  ): ResultKnowledge {
    const { masks } = this;
    const state = {
      ...this.memory.ruledBy(masks).stateFor(number, earlier, statement),
      fault: this.#parts.lease.fault,
    };
    const alike = statement !== undefined && !state.dirty && !state.settingsFilled && statement.alone;
    const known = alike ? this.#known.get(statement) : undefined;
    if (known && known.catalogue === catalogue && known.masks === masks) return known.facts;
    const facts = knowledgeOf(statement, reading?.text ?? '', catalogue, masks, state);
    if (alike) this.#known.set(statement, { catalogue, masks, facts });
    return facts;
  }

  /**
   * Before a message that the target would run is judged: reads the catalogue where it must, and what an open transaction
   * changed of it. Undefined: all is known that can be. `begun`: messages of the same pipeline went before.
   */
  understand(begun: boolean): Promise<void> | undefined {
    if (this.masks.columnRules.length === 0) return undefined;
    this.settle();
    const own = begun ? undefined : this.#open.understand(() => this.#names.lastNumber);
    return own ?? this.#fresh.before();
  }

  /** Before a message is looked at: whether a transaction that changed definitions is over, so that the catalogue has them. */
  settle(): void {
    const { pipeline } = this.#parts.statements;
    if (pipeline.busy) return;
    this.memory.reported();
    if (pipeline.transaction !== 'I') return;
    this.#words.clear();
    if (!this.#over()) return;
    // Later than any change: the answer to it has come.
    this.#parts.lease.changed();
  }

  /** No transaction is open: what is there for all counts again. Says whether definitions changed in what is over. */
  #over(): boolean {
    this.#open.over();
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
      const own = next && 'statement' in next ? this.#open.catalogueFor(next.statement.number) : undefined;
      this.#catalogue = own ?? lease.usable();
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
    this.#described.by(this.#parts.statements.pipeline.next, this.#descriptions.read(body));
  }

  rows(): ResultPlan | undefined {
    const { masks } = this;
    if (!masks.any) return undefined;
    const current = this.#current();
    const facts = this.#factsOf(current);
    const { portal } = current;
    // Another one may have its name by now: what was described is not what comes.
    const others = portal !== undefined && this.#names.mayBeOthers(portal, current.number);
    const exact = others ? undefined : this.#described.exactly(current);
    if (exact) {
      const plan = this.#plans.of(exact, facts, undefined, true);
      if (!plan) this.#learn(current, exact);
      return plan;
    }
    const earlier = portal?.meanings.length === 1 && !others ? this.#described.earlier(portal) : undefined;
    if (earlier && portal?.formats) return this.#plans.of(earlier, facts, formatsOf(portal), false);
    const plan = (fields: readonly ResultField[], formats: readonly Format[]) =>
      this.#plans.of(fields, facts, formats, false);
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
    const catalogue = lease.usable(REFRESH_AFTER_MS);
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

  refuse(refusal: ResultRefusal): Buffer {
    return this.#refused.refuse(refusal, this.#current());
  }

  refusedEnds(body: Buffer): RefusedEnd {
    return this.#refused.ends(body);
  }

  refusedCopyIn(): string | undefined {
    return this.#refused.copyIn();
  }

  calledPasses(): boolean {
    const { next } = this.#parts.statements.pipeline;
    if (next?.kind !== 'function' || !callsLargeObjects(next.statement)) return false;
    return !(this.masks.strict && next.statement.calls === LOREAD);
  }

  statement(): Words {
    return this.#words.now(this.#current());
  }

  get settingsFilled(): boolean {
    return this.memory.ruledBy(this.masks).settingsFilled;
  }

  settingWithheld(): void {
    this.memory.settingHolds();
  }

  // --- what they need ---

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
    if (!portal || portal.meanings.length > 1 || portal.prepared?.source?.text !== undefined) return undefined;
    const found = this.memory.defined('prepared', portal.statement);
    return found && { text: '', statements: [found] };
  }

  #factsOf({ statement, reading, number, earlier }: Current): ResultKnowledge {
    return this.#facts(statement, reading, this.#catalogue, number, earlier);
  }

  /** From when on a load must have begun for what comes; undefined: what is at hand will do. */
  #needed(now: number, fields: readonly ResultField[] | undefined): number | undefined {
    const { lease } = this.#parts;
    const asked = this.#current();
    const changing = lease.changing();
    const { current } = lease;
    const oldest = this.#fresh.oldest(now);
    if (!current) return changing ? now : oldest;
    if (current.asOf < oldest) return oldest;
    if (this.#open.catalogueFor(asked.number)) return changing ? now : undefined;
    const { statement, number, earlier, portal } = asked;
    // What the session changed itself and did not commit, no load can see.
    if (this.memory.stateFor(number, earlier).dirty) return undefined;
    if (changing) return now;
    const described = fields ?? this.#described.earlier(portal) ?? NO_FIELDS;
    return this.#asked.isWorthIt(described, statement, current, now) ? now : undefined;
  }

  #reportFault(): void {
    const fault = this.#parts.lease.fault ?? 'too old';
    if (fault === this.#reportedFault) return;
    this.#reportedFault = fault;
    this.masks.report({ kind: 'mask.withheld', reason: 'catalogue_unavailable' });
  }
}

const NO_FIELDS: readonly ResultField[] = [];
