// Prepared statements and portals by name, as the target will have them. A pipelined Bind names a
// statement whose Parse is not answered yet, so names are taken at once and given back when the
// target turns out to have failed or passed over the message.
//
// Statements made in SQL (PREPARE, DECLARE) share these names and are not seen here: what is executed
// through them is named in its fact instead of quoted, or, after `DEALLOCATE x; PREPARE x`, that of the earlier x.

import type { Parameter } from '../../../core/recording/facts.ts';

export interface Prepared {
  readonly name: string;
  text: string;
  textBytes: number | undefined;
  /** OIDs as the client gave them, then as the target described them. */
  types: readonly number[];
}

export interface Portal {
  readonly name: string;
  /** The statement's name. */
  readonly statement: string;
  readonly prepared: Prepared | undefined;
  readonly parameters: Parameter[];
  /** Where its Bind stands in the client's bytes. */
  readonly offset: number;
  executed: boolean;
}

export type Undo =
  | { readonly of: 'prepared'; readonly name: string; readonly before: Prepared | undefined }
  | { readonly of: 'portal'; readonly name: string; readonly before: Portal | undefined };

/** No client needs so many; without a cap they would be memory that a client controls. */
const MAX_NAMES = 100_000;
/** Texts kept for naming what is executed. Beyond, new ones keep a beginning. */
const MAX_TEXT_CHARS = 8 * 1024 * 1024;
const SHORT_TEXT_CHARS = 256;

export class Names {
  readonly #prepared = new Map<string, Prepared>();
  readonly #portals = new Map<string, Portal>();
  #textChars = 0;

  prepared(name: string): Prepared | undefined {
    return this.#prepared.get(name);
  }

  portal(name: string): Portal | undefined {
    return this.#portals.get(name);
  }

  /** Undefined: there are too many. */
  prepare(prepared: Prepared): Undo | undefined {
    const before = this.#prepared.get(prepared.name);
    if (this.#prepared.size >= MAX_NAMES && !before) return undefined;
    if (this.#textChars + prepared.text.length > MAX_TEXT_CHARS && prepared.text.length > SHORT_TEXT_CHARS) {
      prepared.textBytes ??= Buffer.byteLength(prepared.text);
      prepared.text = prepared.text.slice(0, SHORT_TEXT_CHARS);
    }
    this.#setPrepared(prepared.name, prepared);
    return { of: 'prepared', name: prepared.name, before };
  }

  bind(portal: Portal): Undo | undefined {
    const before = this.#portals.get(portal.name);
    if (this.#portals.size >= MAX_NAMES && !before) return undefined;
    this.#portals.set(portal.name, portal);
    return { of: 'portal', name: portal.name, before };
  }

  closePrepared(name: string): Undo {
    const before = this.#prepared.get(name);
    this.#setPrepared(name, undefined);
    return { of: 'prepared', name, before };
  }

  closePortal(name: string): Undo {
    const before = this.#portals.get(name);
    this.#portals.delete(name);
    return { of: 'portal', name, before };
  }

  /** The message that `undo` came of had no effect. Latest first. */
  undo(undo: Undo): void {
    if (undo.of === 'prepared') this.#setPrepared(undo.name, undo.before);
    else if (undo.before) this.#portals.set(undo.name, undo.before);
    else this.#portals.delete(undo.name);
  }

  /** A Query drops the unnamed statement and portal. */
  forgetUnnamed(): void {
    if (this.#prepared.size > 0) this.#setPrepared('', undefined);
    if (this.#portals.size > 0) this.#portals.delete('');
  }

  /** Portals end with their transaction. */
  forgetPortals(): void {
    if (this.#portals.size > 0) this.#portals.clear();
  }

  forgetPrepared(): void {
    this.#prepared.clear();
    this.#textChars = 0;
  }

  #setPrepared(name: string, prepared: Prepared | undefined): void {
    this.#textChars += (prepared?.text.length ?? 0) - (this.#prepared.get(name)?.text.length ?? 0);
    if (prepared) this.#prepared.set(name, prepared);
    else this.#prepared.delete(name);
  }
}
