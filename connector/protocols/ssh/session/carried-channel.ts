// One channel between client and target: what it starts is judged, what goes over it is recorded on its lane, and each
// record goes on as it came. stderr has a lane of its own, so that a recording tells it from stdout.

import { partOf, passUntouched } from '../../../../core/masking/masked.ts';
import type { EndReason } from '../../../../core/recording/facts/session.ts';
import type { Lane, Recorded, Session } from '../../../door.ts';
import { contained } from '../../../net/contained.ts';
import { type Interpreter, Relay } from '../../../net/relay.ts';
import type { ChannelStream } from '../connection/channel-stream.ts';
import type { Connection } from '../connection/connection.ts';
import {
  type ChannelRecord,
  dataRecord,
  FAILURE_RECORD,
  recordsOf,
  requestRecord,
  stderrRecord,
  SUCCESS_RECORD,
} from '../connection/records.ts';
import type { SshTarget } from '../login/target-login.ts';
import { MaskedOutput, partlyNote } from '../masking/masked-output.ts';
import { isMasked } from '../masking/under-masks.ts';
import { EXTENDED_DATA_STDERR, fieldsOf, Malformed } from '../wire/messages.ts';
import { ChannelBytes } from './channel-bytes.ts';
import { type ChannelWish, commandParameters } from './channel-setup.ts';
import { describeWish, judgeWish } from './judged-wish.ts';
import { ShellTerminal } from '../typing/shell-terminal.ts';
import { askedFact, type HowItEnded, howItEnded } from './told-requests.ts';

/** What a shell says of a program that may not run. */
const EXIT_REFUSED = 126;
/** As the ssh client says of its own failures. */
const EXIT_FAILED = 255;
/** Of a client, once something runs; the target is asked for them. */
const FROM_CLIENT = new Set(['window-change', 'signal', 'break', 'eow@openssh.com', 'xon-xoff']);
const FROM_TARGET = new Set(['exit-status', 'exit-signal', 'eow@openssh.com', 'xon-xoff']);

interface ChannelDeps {
  readonly session: Session<SshTarget>;
  readonly upstream: Connection;
  readonly client: ChannelStream;
  readonly wish: ChannelWish;
  /** Of the session. */
  readonly action: number;
}

/** A conversation of its own, which ends as the channel does. */
export function carryChannel({ session, upstream, client, wish, action }: ChannelDeps): Relay {
  const shown = session.guard.rules.masks.maskString(wish.command);
  const lane = session.openLane({ of: wish.form, label: wish.form === 'shell' ? 'shell' : `${wish.form}: ${shown}` });
  const target = upstream.newChannel();
  const relay = new Relay(client, target, lane);
  const channel = new CarriedChannel({ session, upstream, client, wish, shown, action, lane, target, relay });
  target.once('end', () => relay.contain(() => channel.outputEnded()));
  relay.begin(channel, Buffer.alloc(0));
  client.onHangUp = () => relay.contain(() => channel.clientEnded());
  target.onLost = () => relay.end('target_closed', 'The target closed the connection.');
  relay.contain(() => channel.start());
  return relay;
}

type Whole = ChannelDeps & {
  readonly lane: Lane;
  readonly target: ChannelStream;
  readonly relay: Relay;
  /** The command as recorded. */
  readonly shown: string;
};

class CarriedChannel implements Interpreter {
  readonly #it: Whole;
  readonly #startedUs: number;
  /** As recorded. */
  readonly #environment: string[];
  readonly #terminalType: string;
  #receipt: Recorded;
  #errors: Lane | undefined;
  /** Undecided, its records wait here. */
  #state: 'undecided' | 'forwarded' | 'refused' = 'undecided';
  #waiting: Buffer[] = [];
  /** Answers that the client waits for, in their order; the target owes all but `refused`. */
  readonly #owed: ('start' | 'forwarded' | 'refused')[] = [];
  #startAnswered: boolean;
  #finished = false;
  /** The gateway ended it: nothing that follows goes on. */
  #over = false;
  #left = false;
  /** What is done to files, where that can be read. */
  readonly #bytes: ChannelBytes;
  readonly #terminal: ShellTerminal | undefined;
  /** Under masks. */
  readonly #output: MaskedOutput | undefined;
  readonly #errorOutput: MaskedOutput | undefined;
  readonly midMessage = false;
  readonly targetWaits = false;

  constructor(whole: Whole) {
    const { lane, wish, action } = whole;
    this.#it = whole;
    this.#startedUs = lane.elapsedUs();
    this.#startAnswered = !wish.wantReply;
    const { terminal } = wish;
    const { masks } = whole.session.guard.rules;
    this.#environment = wish.environment.map((one) => masks.maskString(one));
    this.#terminalType = masks.maskString(terminal?.type ?? '');
    this.#receipt = lane.fact({
      ...{ kind: 'command.started', action, form: wish.form, command: whole.shown },
      ...(wish.environment.length > 0 && { environment: this.#environment }),
      ...(terminal && { terminal: { type: this.#terminalType, modes: terminal.modes.toString('base64') } }),
    });
    if (terminal) {
      const { columns, rows } = terminal;
      this.#receipt = lane.fact({ kind: 'terminal.resized', columns, rows });
      if (wish.form !== 'subsystem') this.#terminal = this.#shellTerminal(columns);
    }
    const masked = isMasked(whole.session.guard.rules);
    if (masked) {
      this.#output = this.#maskedOutput(() => lane, dataRecord);
      this.#errorOutput = this.#maskedOutput(() => this.#errorLane(), stderrRecord);
    }
    this.#bytes = new ChannelBytes({
      record: (from, copy) => {
        this.#receipt = lane.record(from, copy);
      },
      hide: () => whole.session.guard.rules.masks.hide(terminal ? 'typed' : 'not_certain'),
      tell: (fact) => {
        this.#receipt = lane.fact(fact);
      },
      nextAction: () => whole.session.nextAction(),
      elapsedUs: () => lane.elapsedUs(),
      subsystem: wish.form === 'subsystem' && wish.command === 'sftp',
      terminal: terminal !== undefined,
      masked,
      digestsAlone: () => whole.session.guard.rules.files === 'digests',
    });
  }

  get clientWaits(): boolean {
    return this.#state === 'undecided';
  }

  get clientFull(): boolean {
    return this.#state === 'undecided' || this.#bytes.full || this.#terminal?.full === true;
  }

  get clientLeft(): boolean {
    return this.#finished || this.#left;
  }

  get working(): boolean {
    const { form, terminal } = this.#it.wish;
    if (this.#terminal?.holds) return true;
    return this.#state === 'forwarded' && form === 'exec' && !terminal && !this.#finished;
  }

  start(): void {
    const { session, relay, lane, action, wish } = this.#it;
    this.#waiting.push(wish.early);
    const outcome = session.guard.gate.take(
      contained(relay, {
        lane: lane.number,
        number: action,
        decision: judgeWish(session.guard.rules, wish),
        judge: () => judgeWish(session.guard.rules, wish),
        describe: () =>
          describeWish(wish, {
            command: this.#it.shown,
            parameters: commandParameters({ ...wish, environment: this.#environment }, this.#terminalType),
          }),
        forward: () => this.#forward(),
        refuse: ({ message, hint }) => this.#refuse(hint === undefined ? message : `${message} ${hint}`, EXIT_REFUSED),
        notify: (message) => this.#say(message),
      }),
    );
    // Some clients show nothing before they have their answer.
    if (outcome === 'held') this.#answerStart();
  }

  #forward(): void {
    if (this.#state !== 'undecided') return;
    const { upstream, target, relay, wish } = this.#it;
    this.#state = 'forwarded';
    upstream.open(target, 'session', (refused) => {
      if (refused) relay.contain(() => this.#refuse(`The target opens no channel: ${refused.words}`, EXIT_FAILED));
    });
    this.#owed.push('start');
    for (const record of wish.records) relay.toTarget(record, this.#receipt);
    for (const chunk of this.#waiting.splice(0)) this.fromClient(chunk);
    relay.regulate();
  }

  /** Says why, and closes the channel as a command that failed would. */
  #refuse(words: string, exit: number): void {
    const { relay, target } = this.#it;
    this.#state = 'refused';
    this.#waiting = [];
    if (!this.#left) {
      this.#answerStart();
      this.#say(words);
      relay.toClient(passUntouched(requestRecord('exit-status', false, fieldsOf(exit))), this.#receipt);
    }
    this.#finish({});
    target.destroy();
  }

  #answerStart(): void {
    if (this.#startAnswered) return;
    this.#startAnswered = true;
    this.#it.relay.toClient(passUntouched(SUCCESS_RECORD()), this.#receipt);
  }

  /** `before`: what parts it from a line that is being typed. */
  #say(words: string, before = ''): void {
    const { relay, lane, wish } = this.#it;
    const text = `${before}Gatehouse: ${words}${wish.terminal ? '\r\n' : '\n'}`;
    relay.toClient(passUntouched(stderrRecord(text)), lane.record('gateway', Buffer.from(text)));
  }

  fromClient(chunk: Buffer): void {
    if (this.#state === 'undecided') this.#waiting.push(chunk);
    else if (this.#state === 'forwarded')
      for (const record of recordsOf(chunk)) if (!this.#over) this.#takeFromClient(record);
  }

  #takeFromClient(record: ChannelRecord): void {
    const { relay } = this.#it;
    switch (record.kind) {
      case 'data':
        // Packets of SFTP are no keys.
        if (this.#terminal && !(this.#bytes.arePackets(record.data) && this.#terminal.idle)) {
          this.#terminal.type(record.data);
          return;
        }
        if (this.#cannotFollow(this.#bytes.fromClient(record.data))) return;
        break;
      case 'eof':
        if (this.#terminal) {
          this.#terminal.inTurn(() => relay.toTarget(record.whole, this.#receipt));
          return;
        }
        break;
      case 'request':
        if (!this.#mayAsk(record)) return;
        break;
      case 'success':
      case 'failure':
        // The target's requests are answered here.
        this.#fault('the client answers a request that nobody made');
        return;
      case 'extended':
        this.#fault('the client sends data of a type that clients do not send');
        return;
    }
    relay.toTarget(record.whole, this.#receipt);
  }

  #shellTerminal(columns: number): ShellTerminal {
    const { session, lane, relay } = this.#it;
    return new ShellTerminal({
      ...{ session, lane, relay, columns },
      tell: (fact) => {
        this.#receipt = lane.fact(fact);
      },
      send: (bytes) => {
        if (this.#over || this.#cannotFollow(this.#bytes.fromClient(bytes))) return;
        relay.toTarget(dataRecord(bytes), this.#receipt);
      },
      say: (words) => !this.#left && !this.#over && this.#say(words, '\r\n'),
    });
  }

  #mayAsk({ name, wantReply, fields }: ChannelRecord & { kind: 'request' }): boolean {
    const understood = FROM_CLIENT.has(name) && this.#isSound(name, fields);
    if (!understood) {
      if (wantReply) this.#owed.push('refused');
      this.#answerRefused();
    } else if (wantReply) this.#owed.push('forwarded');
    return understood;
  }

  /** Told in the recording before it goes on. */
  #isSound(name: string, fields: Buffer): boolean {
    try {
      const { lane, action } = this.#it;
      const fact = askedFact(name, fields, action);
      if (fact) this.#receipt = lane.fact(fact);
      if (fact?.kind === 'terminal.resized') this.#terminal?.resize(fact.columns);
      return true;
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      return false;
    }
  }

  #answerRefused(): void {
    while (this.#owed[0] === 'refused') {
      this.#owed.shift();
      this.#it.relay.toClient(passUntouched(FAILURE_RECORD()), this.#receipt);
    }
  }

  fromTarget(chunk: Buffer): void {
    for (const record of recordsOf(chunk)) if (!this.#over) this.#takeFromTarget(record);
  }

  #takeFromTarget(record: ChannelRecord): void {
    const { relay } = this.#it;
    switch (record.kind) {
      case 'data':
        if (this.#output) {
          if (!this.#cannotFollow(this.#bytes.fromTarget(record.data))) this.#output.take(record.data);
          return;
        }
        this.#terminal?.show(record.data);
        if (this.#cannotFollow(this.#bytes.fromTarget(record.data))) return;
        break;
      case 'extended':
        if (record.type !== EXTENDED_DATA_STDERR) {
          this.#fault('the target sends data of an unknown type');
          return;
        }
        if (this.#cannotFollow(this.#bytes.fromErrors(record.data))) return;
        if (this.#errorOutput) {
          this.#errorOutput.take(record.data);
          return;
        }
        this.#receipt = this.#errorLane().record('target', record.data);
        break;
      case 'eof':
        this.outputEnded();
        break;
      case 'success':
      case 'failure':
        this.#answered(record);
        return;
      case 'request':
        if (!FROM_TARGET.has(record.name)) {
          // A keepalive is one of them: any answer will do.
          if (record.wantReply) relay.toTarget(FAILURE_RECORD(), this.#receipt);
          return;
        }
        if (record.name === 'exit-status' || record.name === 'exit-signal') this.outputEnded();
        this.#exited(record.name, record.fields);
    }
    relay.toClient(passUntouched(record.whole), this.#receipt);
  }

  #maskedOutput(lane: () => Lane, recordOf: (data: Buffer) => Buffer): MaskedOutput {
    const { relay, session, wish } = this.#it;
    return new MaskedOutput({
      masks: () => session.guard.rules.masks,
      shape: wish.terminal ? 'columns' : 'free',
      keeps: this.#it.lane.keepsOriginals,
      send: (bytes, hid) => {
        this.#receipt = lane().record('target', bytes, hid);
        if (recordOf === dataRecord) this.#terminal?.show(bytes);
        relay.toClient(partOf<Buffer>(recordOf(bytes), bytes), this.#receipt);
      },
      contain: (work) => relay.contain(() => !this.#over && work()),
      failed: () => this.#fault('what the target sends could not be masked'),
    });
  }

  /** What masks held back goes on: before whatever follows it. */
  outputEnded(): void {
    if (this.#over) return;
    this.#output?.finish();
    this.#errorOutput?.finish();
  }

  #errorLane(): Lane {
    const { session, lane } = this.#it;
    this.#errors ??= session.openLane({ of: 'stderr', label: `stderr of lane ${lane.number}` });
    return this.#errors;
  }

  #answered({ kind, whole }: ChannelRecord): void {
    const owed = this.#owed.shift();
    if (owed === undefined) this.#fault('the target answers a request that nobody made');
    else if (owed === 'start' && this.#startAnswered) {
      if (kind === 'failure') this.#refuse('The target refuses it.', EXIT_FAILED);
    } else {
      if (owed === 'start') this.#startAnswered = true;
      this.#it.relay.toClient(passUntouched(whole), this.#receipt);
    }
    this.#answerRefused();
  }

  #exited(name: string, fields: Buffer): void {
    if (name !== 'exit-status' && name !== 'exit-signal') return;
    try {
      this.#finish(howItEnded(name, fields, (words) => this.#it.session.guard.rules.masks.maskString(words)));
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.#fault('the target says how it ended in a form that is not understood');
    }
  }

  #finish(how: HowItEnded): void {
    if (this.#finished) return;
    this.#finished = true;
    const { lane, action } = this.#it;
    const durationUs = Math.max(0, lane.elapsedUs() - this.#startedUs);
    this.#receipt = lane.fact({ kind: 'command.finished', action, ...how, durationUs });
  }

  /** `what` it sent; undefined: nothing is wrong. */
  #cannotFollow(what: string | undefined): boolean {
    if (what !== undefined) this.#fault(what);
    return what !== undefined;
  }

  #fault(what: string): void {
    this.#over = true;
    this.#it.relay.end('protocol_fault', `The channel ends: ${what}.`);
  }

  clientEnded(): void {
    this.#left = true;
    this.#it.session.guard.gate.withdraw(this.#it.lane.number, 'client_closed');
  }

  farewell(reason: EndReason, message: string): Buffer | undefined {
    // Of a log that has failed nothing is delivered any more, so these words go by themselves.
    if (reason === 'log_failed') return stderrRecord(`Gatehouse: ${message}\r\n`);
    this.outputEnded();
    this.#over = true;
    this.#answerStart();
    this.#say(message);
    return undefined;
  }

  closed(): void {
    if (this.#state === 'undecided') this.clientEnded();
    this.#left = true;
    this.#terminal?.close();
    this.#bytes.end();
    this.#finish({});
    this.#over = true;
    if (this.#bytes.hidden || this.#output) this.#it.session.guard.recordMasked();
    this.#errors?.close();
    this.#it.lane.close(this.#bytes.closing(partlyNote(this.#output, this.#errorOutput)));
  }
}
