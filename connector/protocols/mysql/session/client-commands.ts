// The client's side of a session: each command is taken whole, judged where rules are in force, recorded, and goes on as
// it came, is refused, or waits for an approval. What each command is: client-jobs.ts.
//
// A refused command never reaches the target, which so has the state that the client believes: MySQL goes on with its transaction
// after an error.

import { passUntouched } from '../../../../core/masking/masked.ts';
import type { Replacement } from '../../../../core/recording/originals/original-object.ts';
import { differences } from '../../../../core/recording/originals/differences.ts';
import type { Lane, Recorded } from '../../../door.ts';
import type { SessionGuard } from '../../../action.ts';
import { ConnectionLost } from '../../../net/byte-reader.ts';
import { ClientQueue } from '../../../net/client-queue.ts';
import { contained } from '../../../net/contained.ts';
import type { Relay } from '../../../net/relay.ts';
import { type ClientPacket, ClientPackets } from '../wire/client-packets.ts';
import { MYSQL_COMMANDS } from '../wire/commands.ts';
import { PACKET_HEADER_BYTES } from '../wire/packets.ts';
import { actionRefused } from '../wire/refusals.ts';
import type { MysqlError } from '../wire/replies.ts';
import type { MysqlAnswers } from './answers.ts';
import type { ClientJobs } from './client-jobs.ts';
import { Exchange } from './exchange.ts';
import { allHidden, hiddenFrom, type Job } from './job.ts';
import type { MysqlFacts, MysqlStatement } from './statement-facts.ts';

interface ClientCommandsParts {
  readonly relay: Relay;
  readonly lane: Lane;
  readonly guard: SessionGuard;
  readonly answers: MysqlAnswers;
  readonly facts: MysqlFacts;
  readonly jobs: ClientJobs;
}

export class ClientCommands {
  readonly #parts: ClientCommandsParts;
  readonly #packets: ClientPackets;
  /** Behind what waits. */
  readonly #queue = new ClientQueue();
  #waiting = false;
  #begun = false;
  /** The client sends no more. */
  #left = false;
  /** The session is over: nothing goes on any more. */
  #over = false;
  /** A login within the session, under way. */
  #login: Exchange | undefined;
  /** COM_QUIT went on. */
  quit = false;
  /** Of a command whose rest is on its way. */
  #rest: { readonly goesOn: boolean; readonly recorded: (part: Buffer) => Buffer; readonly ofFile?: true } | undefined;
  fault: string | undefined;
  /** What the client is told before its connection ends. */
  denied: MysqlError | undefined;

  constructor(parts: ClientCommandsParts) {
    this.#parts = parts;
    this.#packets = new ClientPackets({
      packet: (packet) => this.#packet(packet),
      rest: (part, last) => this.#more(part, last),
    });
  }

  /** Something waits: for an approval, or to be understood. */
  get waiting(): boolean {
    return this.#waiting || this.#login !== undefined;
  }

  get full(): boolean {
    return this.#queue.full;
  }

  /** The number of an answer to what the client sent, which may be a part of a command alone; 0 where it sent nothing. */
  get nextSequence(): number {
    if (this.#login) return this.#login.sequence & 255;
    return this.#waiting || this.#begun || !this.#packets.between || this.fault !== undefined ? 1 : 0;
  }

  take(chunk: Buffer): void {
    if (this.#waiting) this.#queue.push(Buffer.from(chunk));
    else this.#work(chunk);
  }

  /** The client will send no more. What waits for an approval is withdrawn. */
  left(): void {
    this.#left = true;
    this.#login?.close();
    this.#login = undefined;
    if (this.#waiting) this.#parts.guard.gate.withdraw(this.#parts.lane.number, 'client_closed');
  }

  /** The session is over. What waits is withdrawn, and what came behind it is recorded and not run. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#login?.close();
    if (this.#waiting && !this.#parts.guard.gate.withdraw(this.#parts.lane.number, 'client_closed')) this.#resume();
  }

  #work(chunk: Buffer): void {
    const taken = this.#packets.take(chunk);
    this.fault ??= this.#packets.fault;
    if (taken < chunk.length && this.fault === undefined) this.#queue.push(Buffer.from(chunk.subarray(taken)));
  }

  /** What waited is decided: goes on with what came behind it. */
  #resume(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    const queue = this.#queue.takeAll();
    // What waited to be understood may be all there is.
    this.#work(Buffer.alloc(0));
    for (const chunk of queue) {
      if (this.#waiting) this.#queue.push(chunk);
      else if (this.fault === undefined) this.#work(chunk);
    }
    if (this.fault !== undefined) this.#parts.relay.end('protocol_fault', `The session ends: ${this.fault}.`);
    this.#parts.relay.regulate();
  }

  #wait(ready: Promise<void>): void {
    this.#waiting = true;
    void ready.then(() => this.#parts.relay.contain(() => this.#resume()));
  }

  #packet(packet: ClientPacket): 'taken' | 'last' | 'again' {
    if (this.#login && !this.#over) return this.#loginPacket(this.#login, packet);
    if (this.#parts.answers.wantsFile && !this.#over) return this.#filePacket(packet);
    const number = packet.bytes[PACKET_HEADER_BYTES] ?? -1;
    const command = MYSQL_COMMANDS.get(number);
    if (this.#over || this.quit || packet.sequence !== 0 || !command) {
      this.#parts.lane.record('client', packet.bytes);
      if (this.#over) return 'taken';
      this.fault = this.quit
        ? 'it goes on behind COM_QUIT'
        : packet.sequence !== 0
          ? 'packets of the client came out of order'
          : `command ${number < 0 ? 'of no bytes' : `0x${number.toString(16).padStart(2, '0')}`} is not known`;
      return 'last';
    }
    const demanding = this.#parts.answers.mayDemandFile();
    if (demanding) {
      // What the target would take for the file's content.
      this.#wait(demanding);
      return 'again';
    }
    // Until it is sent, refused or held: what throws in between leaves the client waiting.
    this.#begun = command.answer !== 'none';
    const ready = this.#parts.jobs.notYet(number, packet);
    if (ready) {
      this.#wait(ready);
      return 'again';
    }
    if (command.handling === 'quit') this.quit = true;
    const job = this.#parts.jobs.read(number, command, packet);
    const receipt = this.#record(packet, job);
    this.#carryOut(packet, job, receipt);
    this.#begun = false;
    return this.#waiting || this.fault !== undefined ? 'last' : 'taken';
  }

  #record(packet: ClientPacket, { recorded, clear }: Job): Recorded {
    const { lane } = this.#parts;
    if (!recorded || !clear || !lane.keepsOriginals) return lane.record('client', recorded ?? packet.bytes);
    const hid: Replacement[] = [];
    differences(clear(), recorded, 0, 0, hid);
    return lane.record('client', recorded, hid);
  }

  #carryOut(packet: ClientPacket, job: Job, receipt: Recorded): void {
    const { answers, relay, guard, lane } = this.#parts;
    const statement = job.begin?.();
    const decided = (goesOn: boolean) => {
      if (packet.cut) this.#rest = { goesOn, recorded: job.recordedRest ?? ((part) => part) };
    };
    const send = (bytes: Buffer) => {
      decided(true);
      job.send(statement);
      relay.toTarget(bytes, receipt);
    };
    if (job.refused) {
      decided(false);
      if (job.answered) answers.refuse(job.refused, statement);
      return;
    }
    if (job.login) {
      this.#logIn(packet, job.login, statement);
      return;
    }
    const forwarded = job.instead ?? packet.bytes;
    if (!job.question) return void send(forwarded);
    const { decision, judge, count, describe } = job.question;
    let kept: Buffer | undefined;
    const action = contained(relay, {
      lane: lane.number,
      number: statement?.number,
      statements: count,
      decision,
      judge,
      describe: () => (packet.cut ? 'its text is too long to be shown to those who approve' : describe()),
      forward: () => {
        send(kept ?? forwarded);
        if (kept) this.#resume();
      },
      refuse: (refusal) => {
        decided(false);
        if (kept && (this.#over || this.#left)) {
          this.#over = true;
          if (statement) this.#parts.facts.drop(statement, refusal.message);
        } else answers.refuse(actionRefused(refusal), statement);
        if (kept) this.#resume();
      },
      // The protocol has no room for words beside an answer.
      notify: () => {},
    });
    if (guard.gate.take(action) !== 'held') return;
    kept = Buffer.from(forwarded);
    this.#waiting = true;
    if (this.#left) guard.gate.withdraw(lane.number, 'client_closed');
  }

  #logIn(packet: ClientPacket, login: NonNullable<Job['login']>, statement: MysqlStatement | undefined): void {
    const { relay, lane, facts } = this.#parts;
    if (packet.cut) this.#rest = { goesOn: false, recorded: allHidden };
    const send = (bytes: Buffer) => relay.toClient(passUntouched(bytes), lane.record('gateway', bytes));
    const client = new Exchange(1, send, () => relay.contain(() => this.#resume()));
    this.#login = client;
    const over = (denied: MysqlError | undefined) =>
      relay.contain(() => {
        if (this.#over) return;
        this.denied = denied;
        if (denied) return void relay.end('policy_denied', denied.message);
        this.#login = undefined;
        this.#resume();
        relay.regulate();
      });
    login(client, statement).then(over, (error: unknown) =>
      relay.contain(() => {
        if (!(error instanceof ConnectionLost)) throw error;
        if (statement) facts.drop(statement, 'The session ended before its answer was complete.');
      }),
    );
  }

  /** Passwords: of none of them a byte is recorded. */
  #loginPacket(login: Exchange, packet: ClientPacket): 'taken' | 'last' | 'again' {
    const { lane, guard } = this.#parts;
    if (!login.wants) {
      this.#waiting = true;
      return 'again';
    }
    lane.record('client', hiddenFrom(packet.bytes, PACKET_HEADER_BYTES));
    if (packet.cut) this.#rest = { goesOn: false, recorded: allHidden };
    guard.rules.masks.hide('secret', 1);
    login.take(packet.sequence, packet.bytes.subarray(PACKET_HEADER_BYTES));
    return 'taken';
  }

  /** LOAD DATA LOCAL: of a file that the target asked for. */
  #filePacket(packet: ClientPacket): 'taken' | 'last' {
    const { lane, relay, answers } = this.#parts;
    const receipt = lane.record('client', packet.bytes);
    this.fault = answers.takeFile(packet.bytes);
    if (this.fault !== undefined) return 'last';
    if (packet.cut) this.#rest = { goesOn: true, recorded: (part) => part, ofFile: true };
    relay.toTarget(packet.bytes, receipt);
    return 'taken';
  }

  #more(part: Buffer, last: boolean): void {
    const { lane, relay, answers } = this.#parts;
    const rest = this.#rest;
    const receipt = lane.record('client', rest ? rest.recorded(part) : part);
    if (rest?.ofFile) this.fault ??= answers.takeFile(part);
    if (rest?.goesOn && !this.#over) relay.toTarget(part, receipt);
    if (last) this.#rest = undefined;
  }
}
