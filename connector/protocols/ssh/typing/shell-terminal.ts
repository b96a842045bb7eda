// The terminal of a shell, or of a command that has one: its keys go on, what was typed is told as lines, and a rule may have
// Enter wait.

import type { ProtocolFact } from '../../../../core/recording/facts/fact.ts';
import { judgeTypedLine } from '../../../../core/policy/sections/commands.ts';
import { cutText } from '../../../../core/text/cut-text.ts';
import type { Lane, Session } from '../../../door.ts';
import { contained } from '../../../net/contained.ts';
import type { Relay } from '../../../net/relay.ts';
import type { SshTarget } from '../login/target-login.ts';
import { LineGate } from './line-gate.ts';
import { TypedLines } from './typed-lines.ts';

/** The bytes of a longer one are in the output. */
const MAX_LINE_CHARACTERS = 4_000;

interface TerminalDeps {
  readonly session: Session<SshTarget>;
  readonly lane: Lane;
  readonly relay: Relay;
  readonly columns: number;
  tell(fact: ProtocolFact): void;
  /** To the target. */
  send(bytes: Buffer): void;
  say(words: string): void;
}

export class ShellTerminal {
  readonly #deps: TerminalDeps;
  readonly #lines: TypedLines;
  readonly #gate: LineGate;

  constructor(deps: TerminalDeps) {
    const { session, lane, relay, say, send } = deps;
    const { guard } = session;
    this.#deps = deps;
    this.#lines = new TypedLines(deps.columns, (line) => void this.#tell(line));
    this.#gate = new LineGate({
      lines: this.#lines,
      follows: () => guard.rules.sections.commands?.followsLines === true,
      judge: (line) => {
        const { commands } = guard.rules.sections;
        return commands && judgeTypedLine(commands, line);
      },
      begin: (line) => this.#tell(line),
      take: (action) => guard.gate.take(contained(relay, { ...action, lane: lane.number })),
      withdraw: () => void guard.gate.withdraw(lane.number, 'cancelled'),
      contain: (work) => relay.contain(work),
      regulate: () => relay.regulate(),
      say,
      send,
    });
  }

  /** An Enter waits for an approval. */
  get holds(): boolean {
    return this.#gate.holds;
  }

  /** Nothing that was typed waits. */
  get idle(): boolean {
    return this.#gate.idle;
  }

  get full(): boolean {
    return this.#gate.full;
  }

  type(bytes: Buffer): void {
    this.#gate.type(bytes);
  }

  /** What does not overtake the keys before it. */
  inTurn(work: () => void): void {
    this.#gate.inTurn(work);
  }

  /** What the client gets to see. */
  show(bytes: Buffer): void {
    this.#lines.show(bytes);
    this.#gate.shown();
  }

  resize(columns: number): void {
    this.#lines.resize(columns);
  }

  close(): void {
    this.#gate.close();
  }

  #tell(line: string): { readonly number: number; readonly shown: string } {
    const { session, tell } = this.#deps;
    const shown = cutText(session.guard.rules.masks.maskString(line), MAX_LINE_CHARACTERS);
    const number = session.nextAction();
    tell({ kind: 'command.typed', action: number, line: shown, reconstructed: true });
    return { number, shown };
  }
}
