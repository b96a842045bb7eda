// Executions of prepared statements, and parameters that are sent apart.

import type { Summaries } from '../../../../core/policy/sections/judge.ts';
import type { SessionGuard } from '../../../action.ts';
import { describeHeld } from '../rules/held-command.ts';
import type { MysqlVerdicts } from '../rules/verdicts.ts';
import type { ClientPacket } from '../wire/client-packets.ts';
import { PACKET_HEADER_BYTES } from '../wire/packets.ts';
import { readExecution } from '../wire/parameters.ts';
import type { MysqlAnswers } from './answers.ts';
import { allHidden, hiddenFrom, type Job, payloadBytes } from './job.ts';
import type { PreparedStatements } from './prepared-statements.ts';
import type { SessionMasks } from './session-masks.ts';
import type { MysqlFacts, MysqlStatement } from './statement-facts.ts';

interface ExecutionsParts {
  readonly guard: SessionGuard;
  readonly answers: MysqlAnswers;
  readonly verdicts: MysqlVerdicts;
  readonly facts: MysqlFacts;
  readonly prepared: PreparedStatements;
  readonly masks: SessionMasks;
  /** Rules are in force that ask about statements. */
  readonly guarded: () => boolean;
  /** Something that was read like this goes on. */
  readonly sent: (read: Summaries | undefined) => void;
}

export class Executions {
  readonly #parts: ExecutionsParts;

  constructor(parts: ExecutionsParts) {
    this.#parts = parts;
  }

  execute(packet: ClientPacket): Job {
    const { verdicts, answers, facts, guard } = this.#parts;
    const payload = packet.bytes.subarray(PACKET_HEADER_BYTES);
    const id = payload.length < 5 ? -1 : payload.readUInt32LE(1);
    const prepared = this.#parts.prepared.get(id);
    const parametersHidden = prepared?.parametersHidden === true;
    const read =
      prepared && readExecution(payload, prepared.parameters, prepared.types, prepared.long, parametersHidden);
    const hidden = () => prepared?.hidden() === true || parametersHidden;
    const sentApart = (prepared?.long.size ?? 0) > 0;
    const begin = () =>
      facts.begin({
        form: 'prepared',
        text: prepared?.text ?? '-- nothing is prepared under this id',
        textBytes: prepared?.textBytes,
        parameters: read?.parameters ?? [],
        prepared: String(id),
        hidden,
        offset: packet.offset,
        length: packet.bytes.length,
      });
    const send = (statement: MysqlStatement | undefined) => {
      if (prepared && read) prepared.types = read.types;
      prepared?.long.clear();
      this.#parts.sent(prepared?.read);
      answers.expect('binary results', {
        statement,
        hidden,
        secret: () => prepared?.hidden() === true || prepared?.secretParameters === true,
        shownBy: masked.shownBy,
        answered: (_, opened) => {
          if (prepared) prepared.cursor = opened;
        },
      });
    };
    // Nothing that is not known here is known at the target.
    const masked = prepared ? prepared.masked() : this.#parts.masks.ofNothing();
    const { refused } = masked;
    const hides = parametersHidden && prepared.parameters > 0;
    if (hides) guard.rules.masks.hide('secret', Math.max(1, read?.parameters.length ?? 1));
    const job: Job = {
      begin,
      send,
      answered: true,
      ...(hides && {
        recorded: hiddenFrom(packet.bytes, PACKET_HEADER_BYTES + (read?.valuesAt ?? 10)),
        recordedRest: allHidden,
        clear: prepared.secretParameters ? undefined : () => packet.bytes,
      }),
    };
    if (refused) return { ...job, send: () => prepared?.long.clear(), refused };
    if (!prepared || !this.#parts.guarded()) return job;
    const judge = () => verdicts.onPrepared(prepared.read);
    const known = read && !read.incomplete && !packet.cut && !sentApart;
    const sent = Buffer.from(payload.subarray(5));
    return {
      ...job,
      question: {
        decision: judge(),
        judge,
        count: 1,
        describe: () =>
          describeHeld({
            sent: ['E\0', prepared.sent ?? '', '\0', sent],
            text: prepared.textBytes === undefined ? prepared.text : undefined,
            parameters: known ? read.parameters : undefined,
            read: prepared.read,
            inTransaction: answers.inTransaction,
          }),
      },
    };
  }

  /** 0x1c | int<4> id | int<4> rows. Its columns are those of the execution that opened the cursor. */
  fetch(packet: ClientPacket): Job {
    const payload = packet.bytes.subarray(PACKET_HEADER_BYTES);
    const prepared = payload.length < 5 ? undefined : this.#parts.prepared.get(payload.readUInt32LE(1));
    const { refused, shownBy } = prepared ? prepared.masked() : this.#parts.masks.ofNothing();
    return {
      answered: true,
      send: () => this.#parts.answers.expect('fetched', { shownBy, cursor: () => prepared?.cursor }),
      ...(refused && { refused }),
    };
  }

  /** 0x18 | int<4> id | int<2> parameter | value. Not answered, whatever comes of it. */
  longData(packet: ClientPacket): Job {
    const payload = packet.bytes.subarray(PACKET_HEADER_BYTES);
    const prepared = payload.length < 7 ? undefined : this.#parts.prepared.get(payload.readUInt32LE(1));
    const hides = prepared?.parametersHidden === true;
    return {
      answered: false,
      send: () => {
        if (!prepared) return;
        const parameter = payload.readUInt16LE(5);
        prepared.long.set(parameter, (prepared.long.get(parameter) ?? 0) + payloadBytes(packet) - 7);
      },
      ...(hides && {
        recorded: hiddenFrom(packet.bytes, PACKET_HEADER_BYTES + 7),
        recordedRest: allHidden,
        clear: prepared.secretParameters ? undefined : () => packet.bytes,
      }),
    };
  }
}
