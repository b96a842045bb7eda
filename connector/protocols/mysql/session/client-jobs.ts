// What each command of a client is: how it is recorded, what is asked about it, and what is remembered when it goes on.

import type { JudgedText, Summaries } from '../../../../core/policy/sections/judge.ts';
import { MAX_FACT_TEXT } from '../../../../core/recording/facts/bytes-at.ts';
import type { MysqlTextSettings } from '../../../../core/sql/mysql/settings.ts';
import { everyStatement } from '../../../../core/sql/statement.ts';
import type { SessionGuard } from '../../../action.ts';
import type { Claim } from '../../../door.ts';
import { describeHeld } from '../rules/held-command.ts';
import { fileAskedBy, mayLoad } from '../rules/local-files.ts';
import { readsAlike, readSessionSettings, SETTINGS_QUESTION, settingsOfWords } from '../rules/session-settings.ts';
import { countStatements, type MysqlVerdicts } from '../rules/verdicts.ts';
import type { ClientPacket } from '../wire/client-packets.ts';
import {
  COM_CHANGE_USER,
  COM_FIELD_LIST,
  COM_INIT_DB,
  COM_PROCESS_KILL,
  COM_QUERY,
  COM_RESET_CONNECTION,
  COM_STMT_CLOSE,
  COM_STMT_EXECUTE,
  COM_STMT_FETCH,
  COM_STMT_PREPARE,
  COM_STMT_RESET,
  COM_STMT_SEND_LONG_DATA,
  type Command,
} from '../wire/commands.ts';
import { packet as packetOf, PACKET_HEADER_BYTES } from '../wire/packets.ts';
import { killRefused, notSupported, tooManyPrepared } from '../wire/refusals.ts';
import type { MysqlError } from '../wire/replies.ts';
import { littleEndian } from '../wire/values.ts';
import type { MysqlAnswers } from './answers.ts';
import { beginText, BODY_AT, fieldList, originalOf, quoteName, readCommandText } from './command-text.ts';
import { Executions } from './executions.ts';
import { allHidden, type Job, payloadBytes, type JobQuestion } from './job.ts';
import { type PreparedStatement, PreparedStatements } from './prepared-statements.ts';
import { type SessionMasks, withoutLiterals } from './session-masks.ts';
import type { MysqlFacts, MysqlStatement } from './statement-facts.ts';
import { mayKill, readKill, type Threads } from './threads.ts';
import type { UserChanges } from './user-change.ts';

interface ClientJobsParts {
  readonly guard: SessionGuard;
  readonly answers: MysqlAnswers;
  readonly verdicts: MysqlVerdicts;
  readonly facts: MysqlFacts;
  readonly threads: Threads;
  readonly claim: Claim;
  readonly userChanges: UserChanges;
  readonly masks: SessionMasks;
  /** As the target said at the login; undefined: it was not asked. */
  readonly settings: MysqlTextSettings | undefined;
}

const READS_TEXT = new Set([COM_QUERY, COM_STMT_PREPARE]);
/** As the statement that does the same. */
const READ_AS_TEXT = new Set([COM_INIT_DB, COM_FIELD_LIST]);
const OF_PREPARED = new Set([COM_STMT_EXECUTE, COM_STMT_FETCH]);
const OF_STATEMENT = new Set([
  COM_STMT_EXECUTE,
  COM_STMT_FETCH,
  COM_STMT_CLOSE,
  COM_STMT_RESET,
  COM_STMT_SEND_LONG_DATA,
]);
const NOT_SEEN: Summaries = {
  ok: false,
  error: { reason: 'too_long', message: 'was prepared before these rules were in force; prepare it again' },
};

export class ClientJobs {
  readonly #parts: ClientJobsParts;
  readonly #prepared = new PreparedStatements();
  readonly #executions: Executions;
  /** Undefined: something may have changed them. */
  #settings: MysqlTextSettings | undefined;
  /** As they were before. */
  #earlier: MysqlTextSettings | undefined;

  constructor(parts: ClientJobsParts) {
    this.#parts = parts;
    this.#settings = parts.settings;
    this.#earlier = parts.settings;
    this.#executions = new Executions({
      ...parts,
      prepared: this.#prepared,
      guarded: () => this.#guarded,
      sent: (read) => this.#sent(read),
    });
  }

  /** Resolves when more is known of what a command means; undefined: enough is. */
  notYet(number: number, packet: ClientPacket): Promise<void> | undefined {
    const { answers } = this.#parts;
    if (OF_STATEMENT.has(number)) {
      const preparing = answers.prepared();
      if (preparing) return preparing;
    }
    if (number === COM_CHANGE_USER) return answers.idle();
    if (READS_TEXT.has(number) || READ_AS_TEXT.has(number) || OF_PREPARED.has(number)) {
      const reading = this.#parts.masks.notYet();
      if (reading) return reading;
    }
    if (this.#settings || !this.#needsReading(number, packet)) return undefined;
    if (this.#earlier && asksWhatWas(number, packet)) return undefined;
    const idle = answers.idle();
    if (idle) return idle;
    return answers.ask(SETTINGS_QUESTION).then((row) => {
      this.#settings = readSessionSettings(row);
      this.#earlier = this.#settings;
    });
  }

  read(number: number, command: Command, packet: ClientPacket): Job {
    switch (number) {
      case COM_QUERY:
        return this.#query(packet);
      case COM_STMT_PREPARE:
        return this.#prepare(packet);
      case COM_STMT_EXECUTE:
        return this.#executions.execute(packet);
      case COM_STMT_SEND_LONG_DATA:
        return this.#executions.longData(packet);
      case COM_STMT_FETCH:
        return this.#executions.fetch(packet);
      case COM_INIT_DB:
        return this.#words(packet, command, `USE ${quoteName(packet.bytes.subarray(BODY_AT))}`);
      case COM_FIELD_LIST:
        return this.#words(packet, command, fieldList(packet.bytes.subarray(BODY_AT)));
      case COM_PROCESS_KILL:
        return this.#processKill(packet, command);
      default:
        return this.#other(number, command, packet);
    }
  }

  get #guarded(): boolean {
    const { rules } = this.#parts.guard;
    return rules.sections.statements !== undefined || rules.counted;
  }

  /** A rule that says nothing about statements allows none that is to be asked for. */
  #asks({ decision }: JudgedText): boolean {
    return this.#guarded || decision.verdict === 'block';
  }

  #needsReading(number: number, packet: ClientPacket): boolean {
    if (this.#parts.masks.any && READS_TEXT.has(number)) return true;
    if (this.#guarded || this.#parts.masks.ofColumns) return READS_TEXT.has(number) || READ_AS_TEXT.has(number);
    if (!READS_TEXT.has(number) || packet.cut) return false;
    const text = packet.bytes.subarray(BODY_AT);
    return mayKill(text) || mayLoad(text);
  }

  // --- texts ---

  #query(packet: ClientPacket): Job {
    const { verdicts, answers } = this.#parts;
    const text = packet.bytes.subarray(BODY_AT);
    const settings = this.#settings ?? this.#earlier;
    const whole = packet.cut ? undefined : text;
    const { masked, recorded, clear } = this.#masked(packet, whole, settings);
    const reads = this.#needsReading(COM_QUERY, packet);
    const judged = reads ? verdicts.on(whole, settings) : undefined;
    const kill = judged && this.#kill(text, judged.read);
    const begin = () => beginText(this.#parts.facts, packet, recorded);
    const { hidden } = recorded;
    const common = { recorded: recorded.packet, recordedRest: recorded.rest, clear, begin, answered: true };
    const asked = judged && judged.decision.verdict !== 'block' ? fileAskedBy(judged.read, text, false) : {};
    const refused = masked.refused ?? (kill && 'refused' in kill ? kill.refused : undefined) ?? asked.refused;
    if (refused) return { ...common, send: () => {}, refused };
    const send = (statement: MysqlStatement | undefined) => {
      this.#sent(judged?.read);
      answers.expect('text results', { statement, hidden, shownBy: masked.shownBy, file: asked.file });
    };
    // What waits may be sent when the memory of its chunk is used again.
    const kept = () => Buffer.from(text);
    return {
      ...common,
      send,
      ...(kill && 'instead' in kill && { instead: kill.instead }),
      ...(judged &&
        this.#asks(judged) && {
          question: this.#question(judged, kept, settings, recorded.shown, ['Q\0', text], packet.cut),
        }),
    };
  }

  /** Blocked here already; held at its execution, where its parameters are known. */
  #prepare(packet: ClientPacket): Job {
    const { verdicts, answers } = this.#parts;
    const text = packet.bytes.subarray(BODY_AT);
    const whole = packet.cut ? undefined : text;
    const settings = this.#settings ?? this.#earlier;
    const { masked, recorded, clear } = this.#masked(packet, whole, settings);
    const judged = this.#needsReading(COM_STMT_PREPARE, packet) ? verdicts.on(whole, settings) : undefined;
    const common = { recorded: recorded.packet, recordedRest: recorded.rest, clear, answered: true };
    const begin = () => beginText(this.#parts.facts, packet, recorded);
    if (masked.refused) return { ...common, begin, send: () => {}, refused: masked.refused };
    if (this.#prepared.full)
      return {
        ...common,
        begin,
        send: () => {},
        refused: tooManyPrepared('Too many prepared statements. Close some.'),
      };
    if (judged && killsSomething(judged.read, text))
      return {
        ...common,
        begin,
        send: () => {},
        refused: killRefused('KILL cannot be prepared here. Send it as a query.'),
      };
    const asked = judged && judged.decision.verdict !== 'block' ? fileAskedBy(judged.read, text, true) : {};
    if (asked.refused) return { ...common, begin, send: () => {}, refused: asked.refused };
    const shown = recorded.shown;
    const kept = whole && Buffer.from(whole);
    const prepared: PreparedStatement = {
      text: shown.slice(0, MAX_FACT_TEXT),
      textBytes: packet.cut || shown.length > MAX_FACT_TEXT ? payloadBytes(packet) : undefined,
      sent: kept,
      masked: this.#parts.masks.later(kept, settings),
      read: judged && this.#guarded ? judged.read : NOT_SEEN,
      hidden: recorded.hidden,
      parametersHidden: recorded.parameters || masked.literals,
      secretParameters: recorded.parameters,
      parameters: 0,
      types: undefined,
      cursor: undefined,
      long: new Map(),
    };
    const job: Job = {
      ...common,
      send: () =>
        answers.expect('prepared', {
          hidden: recorded.hidden,
          answered: ({ prepared: made }) => {
            prepared.parameters = made?.parameters ?? 0;
            this.#prepared.add(made?.id, prepared);
          },
        }),
    };
    if (judged?.decision.verdict !== 'block' || !this.#asks(judged)) return job;
    const question = this.#question(judged, () => Buffer.from(text), settings, shown, [], packet.cut);
    return { ...job, begin, question };
  }

  /** By the masks, and as it is recorded. */
  #masked(packet: ClientPacket, whole: Buffer | undefined, settings: MysqlTextSettings | undefined) {
    const { masks, guard } = this.#parts;
    const masked = masks.on(whole, settings);
    const set = this.#settings?.characterSet;
    if (!masked.literals || packet.cut) return { masked, recorded: readCommandText(packet, guard.rules.masks, set) };
    const bytes = Buffer.concat([
      packet.bytes.subarray(0, BODY_AT),
      withoutLiterals(whole ?? packet.bytes.subarray(BODY_AT), settings),
    ]);
    // Many texts have neither literals nor comments.
    if (!bytes.equals(packet.bytes)) guard.rules.masks.hide('not_certain', 1);
    const recorded = readCommandText({ ...packet, bytes }, guard.rules.masks, set);
    const copy = recorded.packet ?? bytes;
    return { masked, recorded: { ...recorded, packet: copy }, clear: () => originalOf(packet, copy, set) };
  }

  // --- commands ---

  /** A command that is judged, and recorded, as the statement that does the same. */
  #words(packet: ClientPacket, { answer }: Command, text: string, instead?: Buffer): Job {
    const { verdicts, answers, facts } = this.#parts;
    const bytes = Buffer.from(text);
    const settings = this.#settings && settingsOfWords(this.#settings);
    const judged = this.#guarded ? verdicts.on(bytes, settings) : undefined;
    // A KILL needs no reading; what the others give are definitions, which are shown.
    const refused = !instead && this.#parts.masks.ofColumns ? this.#parts.masks.on(bytes, settings).refused : undefined;
    return {
      answered: true,
      ...(refused && { refused }),
      begin: () =>
        facts.begin({
          form: 'command',
          text,
          textBytes: undefined,
          hidden: () => false,
          offset: packet.offset,
          length: packet.bytes.length,
        }),
      send: (statement) => answers.expect(answer, { statement }),
      ...(instead && { instead }),
      ...(judged && {
        question: this.#question(
          judged,
          () => bytes,
          this.#settings && settingsOfWords(this.#settings),
          text,
          ['C\0', packet.bytes.subarray(PACKET_HEADER_BYTES)],
          packet.cut,
        ),
      }),
    };
  }

  /** 0x0c | int<4> id */
  #processKill(packet: ClientPacket, command: Command): Job {
    const { threads, claim } = this.#parts;
    const id = packet.bytes.length < BODY_AT + 4 ? 0 : packet.bytes.readUInt32LE(BODY_AT);
    const atTarget = threads.atTarget(id, claim);
    const job = this.#words(
      packet,
      command,
      `KILL ${id}`,
      packetOf(0, COM_PROCESS_KILL, littleEndian(atTarget ?? 0, 4)),
    );
    return atTarget === undefined ? { ...job, refused: NOT_ONES_OWN } : job;
  }

  #other(number: number, command: Command, packet: ClientPacket): Job {
    const { answers, facts } = this.#parts;
    const payload = packet.bytes.subarray(PACKET_HEADER_BYTES);
    const id = payload.length < 5 ? -1 : payload.readUInt32LE(1);
    switch (command.handling) {
      case 'change user':
        return this.#changeUser(packet);
      case 'refused':
        return {
          answered: true,
          send: () => {},
          refused: notSupported(`${command.name} is not supported.`),
          begin: () =>
            facts.begin({
              form: 'command',
              text: `-- ${command.name}`,
              textBytes: undefined,
              hidden: () => false,
              offset: packet.offset,
              length: packet.bytes.length,
            }),
        };
      default:
        return {
          answered: command.answer !== 'none',
          send: () => {
            if (number === COM_STMT_CLOSE) this.#prepared.close(id);
            if (number === COM_STMT_RESET) this.#prepared.get(id)?.long.clear();
            if (number === COM_RESET_CONNECTION) this.#reset();
            answers.expect(command.answer, {});
          },
        };
    }
  }

  #changeUser(packet: ClientPacket): Job {
    const { userChanges, answers, facts } = this.#parts;
    const { asked, text, recorded } = userChanges.read(packet);
    return {
      recorded,
      recordedRest: allHidden,
      answered: true,
      begin: () =>
        facts.begin({
          form: 'command',
          text,
          textBytes: undefined,
          hidden: () => false,
          offset: packet.offset,
          length: packet.bytes.length,
        }),
      send: () => {},
      login: async (client, statement) => {
        const done = await userChanges.carryOut(asked, client);
        if (!done.ok) {
          if (statement) facts.refuse(statement, done.error);
          return done.error;
        }
        this.#reset();
        this.#parts.masks.entered(asked?.database.toString('utf8'));
        answers.pass(client.sequence & 255, done.value, statement);
        return undefined;
      },
    };
  }

  /** The session at the target is as new. */
  #reset(): void {
    this.#prepared.clear();
    this.#parts.verdicts.reset();
    this.#settings = undefined;
  }

  // --- parts ---

  /** It goes on: what the next text means may be another thing behind it. */
  #sent(read: Summaries | undefined): void {
    if (!this.#guarded || !read) this.#settings = undefined;
    const changes = this.#parts.verdicts.sent(read ?? NOT_SEEN);
    if (changes.modes || changes.characterSet) this.#settings = undefined;
  }

  #question(
    judged: JudgedText,
    bytes: () => Buffer,
    settings: MysqlTextSettings | undefined,
    shown: string,
    sent: readonly (string | Buffer)[],
    cut: boolean,
  ): JobQuestion {
    const { verdicts, answers } = this.#parts;
    // Of what is held alone: nothing else is kept beyond its turn.
    const kept = judged.decision.verdict === 'hold' ? bytes() : undefined;
    const whole =
      judged.decision.verdict === 'hold'
        ? sent.map((part) => (typeof part === 'string' ? part : Buffer.from(part)))
        : [];
    return {
      decision: judged.decision,
      judge: () => (kept ? verdicts.on(kept, settings).decision : judged.decision),
      count: countStatements(judged, kept ?? bytes()),
      describe: () =>
        describeHeld({
          sent: whole,
          text: cut ? undefined : shown,
          parameters: [],
          read: judged.read,
          inTransaction: answers.inTransaction,
        }),
    };
  }

  #kill(text: Buffer, read: Summaries): { readonly instead: Buffer } | { readonly refused: MysqlError } | undefined {
    if (!killsSomething(read, text)) return undefined;
    const kill = readKill(text);
    if (!kill) return { refused: killRefused('KILL is taken as KILL [CONNECTION | QUERY] number, alone in its text.') };
    const atTarget = this.#parts.threads.atTarget(kill.id, this.#parts.claim);
    if (atTarget === undefined) return { refused: NOT_ONES_OWN };
    return { instead: packetOf(0, COM_QUERY, `KILL ${kill.what} ${atTarget}`) };
  }
}

/** The question would change what it asks for; and it reads the same whatever the settings are. */
const asksWhatWas = (number: number, packet: ClientPacket): boolean =>
  READS_TEXT.has(number) && !packet.cut && readsAlike(packet.bytes.subarray(BODY_AT));

const NOT_ONES_OWN = killRefused('This is none of your sessions on this resource. KILL ends your own.');

/** A text that could not be read may, where it has the word at a place for a statement. */
const killsSomething = (read: Summaries, text: Buffer): boolean =>
  read.ok ? read.value.some((top) => [...everyStatement(top)].some(({ kind }) => /^kill\b/.test(kind))) : mayKill(text);
