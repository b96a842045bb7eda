// Whether a prepared statement or a portal is still what the client made under its name: code of the database's own may
// have put another one there, and DECLARE in SQL makes portals too.

import type { SessionMemory } from './session-memory.ts';
import type { TextReading } from '../catalogue/statement-reading.ts';
import type { Portal, Prepared } from '../pipeline/statement.ts';

export class EarlierNames {
  readonly #memory: SessionMemory;
  /** Which statement was sent last before it was made. */
  readonly #preparedBehind = new WeakMap<Prepared, number>();
  readonly #boundBehind = new WeakMap<Portal, number>();
  lastNumber = 0;

  constructor(memory: SessionMemory) {
    this.#memory = memory;
  }

  parsed(prepared: Prepared): void {
    this.#preparedBehind.set(prepared, this.lastNumber);
  }

  /** `reading`: all that it may be of. */
  bound(portal: Portal, reading: TextReading | undefined): void {
    if (portal.name === '') return;
    this.#boundBehind.set(portal, this.lastNumber);
    const [only, ...more] = reading?.statements ?? [];
    if (only && more.length === 0 && !only.defines && only.summary.executes === undefined)
      this.#memory.definePortal(portal.name, only);
    else this.#memory.shadow(portal.name);
  }

  /** For statement `number`. */
  mayBeOthers(portal: Portal, number: number): boolean {
    const { prepared, name } = portal;
    const memory = this.#memory;
    if (prepared && prepared.name !== '' && memory.lostName(this.#preparedBehind.get(prepared) ?? 0, number))
      return true;
    return name !== '' && (memory.mayBeCursor(name) || memory.lostName(this.#boundBehind.get(portal) ?? 0, number));
  }
}
