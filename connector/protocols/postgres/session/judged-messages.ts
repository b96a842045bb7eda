// Messages of a client that stands under rules, each judged by what it would have the target do. Here is
// said what is to become of a message; guarded-client.ts carries it out.
//
// A message is read as it came, and its facts are made of it as it is recorded: the same layout, with what
// rules hide written over. So each is recorded before the pipeline hears of it.

import { randomBytes } from 'node:crypto';
import type { Decision } from '../../../../core/policy/sections/entries.ts';
import { executesByName, type SyntaxFault } from '../../../../core/sql/statement.ts';
import type { Action, ActionToHold } from '../../../action.ts';
import type { ClientMessage } from '../wire/client-frames.ts';
import { BIND, EXECUTE, FUNCTION_CALL, malformed, PARSE, QUERY, readParse } from '../wire/client-messages.ts';
import { describeBind, describeQuery } from '../rules/held-statement.ts';
import { syntaxFaultOf } from '../rules/syntax-fault.ts';
import type { Secrets } from '../../../sql/found-secrets.ts';
import { type AskEstimate, Readiness } from '../rules/readiness.ts';
import type { CopySubject } from '../requests/request-copies.ts';
import type { HiddenParameters } from '../wire/parameters.ts';
import { failingParse, failingQuery } from '../wire/refusals.ts';
import { prepareNames } from '../pipeline/sql-names.ts';
import type { Fault, Statements } from '../pipeline/statements.ts';
import { countOf, escapes, type Verdicts } from '../rules/verdicts.ts';
import type { Statement } from '../pipeline/statement.ts';

interface JudgedMessagesParts {
  readonly statements: Statements;
  readonly verdicts: Verdicts;
  readonly estimate: AskEstimate;
  /** Records a message that is not recorded yet, and gives it as it is recorded. */
  record(message: ClientMessage, subject?: CopySubject): ClientMessage;
  /** Rules in force count every statement, those that are allowed as well. */
  counted(): boolean;
}

/** What is to become of a message. */
type Outcome =
  /** It cannot be judged yet, and nothing has happened: to be judged again when `ready` resolves. */
  | { readonly kind: 'waits'; readonly ready: Promise<void> }
  /** The pipeline took it up, unless there is a fault. */
  | { readonly kind: 'goes'; readonly fault: Fault | undefined }
  | { readonly kind: 'asks'; readonly question: Question };

/** A message that the gate decides on. */
export interface Question extends Partial<Pick<Action, 'judge'>> {
  readonly statement: Statement;
  readonly decision: Decision;
  /** Statements in its text. */
  readonly count?: number;
  /** It is blocked for its syntax alone. */
  readonly syntax?: SyntaxFault | undefined;
  describe(): ActionToHold | string;
  /** The pipeline takes it up. */
  send(): Fault | undefined;
  /** The pipeline takes up the error that comes in its place, and this is sent instead. */
  refuse(error: Buffer): { readonly instead: Buffer; readonly fault: Fault | undefined };
}

const waits = (ready: Promise<void>): Outcome => ({ kind: 'waits', ready });
const goes = (fault: Fault | undefined): Outcome => ({ kind: 'goes', fault });
const asks = (question: Question): Outcome => ({ kind: 'asks', question });

export class JudgedMessages {
  readonly #parts: JudgedMessagesParts;
  readonly #ready: Readiness;

  constructor(parts: JudgedMessagesParts) {
    this.#parts = parts;
    this.#ready = new Readiness(parts.verdicts, parts.estimate);
  }

  /** Of a message that the target would not pass over. */
  judge(message: ClientMessage): Outcome {
    switch (message.type) {
      case QUERY:
        return this.#query(message);
      case PARSE:
        return this.#parse(message);
      case BIND:
        return this.#bind(message);
      case EXECUTE:
        return this.#execute(message);
      case FUNCTION_CALL:
        return this.#functionCall(message);
      default:
        return this.#plain(message);
    }
  }

  #plain(message: ClientMessage): Outcome {
    const { statements, record } = this.#parts;
    const { bytes, start, end, length, offset } = record(message);
    return goes(statements.clientMessage(message.type, bytes, start, end, length, offset));
  }

  #query(message: ClientMessage): Outcome {
    const { statements, verdicts, record } = this.#parts;
    const source = verdicts.source(
      message.cut ? undefined : statements.text(message.bytes, message.start, message.end - 1),
    );
    const reading = this.#ready.read(source);
    if (reading) return waits(reading);
    const judged = verdicts.on(source);
    const { owesReady } = statements.pipeline;
    const inDoubt = owesReady && judged.read.ok && executesByName(judged.read.value);
    const answering = inDoubt ? statements.pipeline.whenReady() : undefined;
    if (answering) return waits(answering);
    const estimating = this.#ready.estimate(message.offset, judged.decision, source);
    if (estimating) return waits(estimating);
    const recorded = record(message, { read: judged.read, backslashEscapes: escapes(source) });
    const { bytes, start, end, length, offset } = recorded;
    const statement = statements.readQuery(bytes, start, end, length, offset);
    if (typeof statement === 'string') return goes(statement);
    statement.source = source;
    return asks({
      statement,
      decision: judged.decision,
      judge: () => verdicts.on(source).decision,
      count: countOf(judged, source),
      syntax: syntaxFaultOf(judged.decision, judged.read, recorded, message),
      describe: () => describeQuery(recorded, message, statements, judged.read, this.#ready.estimated),
      send: () => {
        const fault =
          statements.sendQuery(statement) ?? prepareNames(statement, judged.read, statements.names, undefined);
        verdicts.sent(judged.read);
        return fault;
      },
      refuse: (error) => ({ instead: failingQuery(), fault: statements.sendQuery(statement, error) }),
    });
  }

  /** Blocked here already; held at its Bind, where its parameters are known. */
  #parse(message: ClientMessage): Outcome {
    const { statements, verdicts, record } = this.#parts;
    const read = readParse(message.bytes, message.start, message.end, message.length, statements.text);
    if (!read) return goes(malformed('Parse'));
    const source = verdicts.source(read.cut ? undefined : statements.text(message.bytes, read.textStart, read.textEnd));
    const reading = this.#ready.read(source);
    if (reading) return waits(reading);
    const judged = verdicts.on(source);
    const found: Secrets[] = [];
    const recorded = record(message, {
      read: judged.read,
      backslashEscapes: escapes(source),
      told: (secrets) => found.push(secrets),
    });
    const { bytes, start, length, offset } = recorded;
    const shift = start - message.start;
    const shifted = { ...read, textStart: read.textStart + shift, textEnd: read.textEnd + shift };
    const prepared = statements.preparedOf(shifted, bytes, length);
    prepared.secrets = found[0];
    if (judged.decision.verdict !== 'block') return goes(statements.sendParse(prepared, offset, length, source));
    const statement = statements.refuseParse(prepared, offset, length);
    return asks({
      statement,
      decision: judged.decision,
      syntax: syntaxFaultOf(judged.decision, judged.read, recorded, message),
      describe: () => 'is refused before it is bound',
      send: () => statements.sendParse(prepared, offset, length, source),
      refuse: (error) => this.#refuseExtended(statement, error, prepared.name === '' ? '' : undefined),
    });
  }

  #bind(message: ClientMessage): Outcome {
    const { statements, verdicts, record } = this.#parts;
    const original = statements.readBind(message.bytes, message.start, message.end, message.length, message.offset);
    if (typeof original === 'string') return goes(original);
    const answering = original.meanings.length > 1 ? statements.pipeline.whenReady() : undefined;
    if (answering) return waits(answering);
    const reading = this.#ready.read(...original.meanings.map((prepared) => prepared.source));
    if (reading) return waits(reading);
    const judge = () => verdicts.onPrepared(original.meanings, statements.names.knowsPrepared(original.statement));
    const decision = judge();
    const estimating = this.#ready.estimate(message.offset, decision, original.prepared?.source);
    if (estimating) return waits(estimating);
    let hidden: HiddenParameters | undefined;
    const { bytes, start, end, length, offset } = record(message, {
      prepared: original.prepared,
      hid: (parameters) => {
        hidden = parameters;
      },
    });
    const portal = bytes === message.bytes ? original : statements.readBind(bytes, start, end, length, offset, hidden);
    if (typeof portal === 'string') return goes(portal);
    if (decision.verdict === 'allow' || decision.verdict === 'warn') return goes(statements.sendBind(portal));
    const statement = statements.startBound(portal, length);
    statement.source = portal.prepared?.source;
    return asks({
      statement,
      decision,
      judge,
      describe: () =>
        describeBind(portal, message, statements, verdicts.on(portal.prepared?.source).read, this.#ready.estimated),
      send: () => {
        portal.held = statement;
        statements.pipeline.bound(statement);
        return statements.sendBind(portal);
      },
      refuse: (error) => this.#refuseExtended(statement, error),
    });
  }

  #execute(message: ClientMessage): Outcome {
    const { statements, verdicts, record, counted } = this.#parts;
    const { pipeline, names } = statements;
    if (pipeline.owesReady) {
      const called = statements.text(message.bytes, message.start, message.bytes.indexOf(0, message.start));
      const answering = names.portal(called)?.segment === pipeline.segment ? undefined : pipeline.whenReady();
      if (answering) return waits(answering);
    }
    const { bytes, start, end, length, offset } = record(message);
    const read = statements.readExecute(bytes, start, end, length, offset);
    if (typeof read === 'string') return goes(read);
    const { statement, portal, name } = read;
    const source = portal?.prepared?.source;
    statement.source = source;
    if (!source) verdicts.sentUnread();
    const send = (): Fault | undefined => {
      // A portal that is not there runs nothing, and one made in SQL only goes on.
      if (!source) return statements.sendExecute(statement, portal);
      const judged = verdicts.on(source);
      const fault =
        prepareNames(statement, judged.read, statements.names, statements.pipeline.segment) ??
        statements.sendExecute(statement, portal);
      verdicts.sent(judged.read);
      return fault;
    };
    // What was approved at its Bind is what was asked, unless rules that came since block it.
    const decision = verdicts.onPrepared(portal?.meanings ?? [], statements.names.knows(portal, name));
    const { verdict } = decision;
    const approved = portal?.held && (verdict === 'hold' || (portal.held === statement && verdict !== 'block'));
    // The next rows of what was let run are no statement more: neither counted nor warned of again.
    const goesOn = statement.continued && (verdict === 'allow' || verdict === 'warn');
    if (approved || goesOn || (verdict === 'allow' && !counted())) return goes(send());
    return asks({
      statement,
      decision,
      count: source ? countOf(verdicts.on(source), source) : 1,
      describe: () => 'it was bound before the rule was in force, so bind it again',
      send,
      refuse: (error) => this.#refuseExtended(statement, error),
    });
  }

  #functionCall(message: ClientMessage): Outcome {
    const { statements, verdicts, record } = this.#parts;
    let hidden: HiddenParameters | undefined;
    const { bytes, start, end, length, offset } = record(message, {
      hid: (parameters) => {
        hidden = parameters;
      },
    });
    const statement = statements.readFunctionCall(bytes, start, end, length, offset, hidden);
    if (typeof statement === 'string') return goes(statement);
    return asks({
      statement,
      decision: verdicts.onFunctionCall(),
      describe: () => 'a function call by number cannot be shown to those who approve',
      send: () => {
        verdicts.sentUnknown();
        return statements.sendFunctionCall(statement);
      },
      refuse: (error) => ({ instead: failingQuery(), fault: statements.sendFunctionCall(statement, error) }),
    });
  }

  /** A Parse that fails drops the unnamed statement, as the client's own would have. */
  #refuseExtended(
    statement: Statement,
    error: Buffer,
    name = `gatehouse_${randomBytes(9).toString('hex')}`,
  ): { instead: Buffer; fault: Fault | undefined } {
    return { instead: failingParse(name), fault: this.#parts.statements.pipeline.refuse(statement, error) };
  }
}
