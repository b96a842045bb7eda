// Prepared statements and portals by name, as the target will have them. A pipelined Bind names a
// statement whose Parse is not answered yet, so names are taken at once and given back when the
// target turns out to have failed or passed over the message. Until it has answered, what the name
// stood for before is kept: a message behind the next Sync may still mean that.
//
// PREPARE in SQL shares these names; it is seen while statements are read for rules. Where they are not,
// what is executed through SQL's names is named in its fact instead of quoted.

import { MAX_NAME_BYTES } from '../wire/client-messages.ts';
import type { Entry, Portal, Prepared, Undo } from './statement.ts';

/** No client needs so many; without a cap they would be memory that a client controls. */
const MAX_NAMES = 100_000;
/** Texts kept, for naming and judging what is executed. Beyond, new ones keep a beginning and are not known to the judge. */
const MAX_TEXT_CHARS = 16 * 1024 * 1024;
const SHORT_TEXT_CHARS = 256;
/** Nobody prepares so many by hand. */
const MAX_SECRET_NAMES = 10_000;

export class Names {
  readonly #prepared = new Map<string, Entry>();
  readonly #portals = new Map<string, Portal>();
  #textChars = 0;
  #sequence = 0;
  /** Every prepared name, every portal, is known here: what is not has no meaning for the target either. */
  preparedComplete = true;
  portalsComplete = true;
  /** The same of names with letters beyond ASCII. */
  lettersComplete = true;
  /**
   * The target reads such letters, in a message that is sent now, as they are read here. A server keeps names in its own
   * encoding, so which of them are one and the same hangs on that and on the client's at the time.
   */
  readsLetters: () => boolean = () => false;

  /** Statements that SQL's PREPARE made, with the numbers of their parameters that are secrets. */
  readonly #secretParameters = new Map<string, ReadonlySet<number>>();

  get secretParameters(): ReadonlyMap<string, ReadonlySet<number>> {
    return this.#secretParameters;
  }

  prepareSecrets(prepares: ReadonlyMap<string, ReadonlySet<number>>): void {
    for (const [name, parameters] of prepares)
      if (this.#secretParameters.size < MAX_SECRET_NAMES) this.#secretParameters.set(name, parameters);
  }

  /** Grows with every change of a prepared name. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Whether a name that is not here is not there for the target either. */
  knowsPrepared(name: string): boolean {
    return this.preparedComplete && this.#isCertain(name);
  }

  /** The same of what a portal runs; undefined: there is none of this name. */
  knows(portal: Portal | undefined, name: string): boolean {
    return portal ? this.knowsPrepared(portal.statement) : this.portalsComplete && this.#isCertain(name);
  }

  prepared(name: string): Prepared | undefined {
    return this.#isCertain(name) ? this.#prepared.get(name)?.prepared : undefined;
  }

  /** All that the name may stand for when the target reads a message that is sent now: the latest first. */
  meanings(name: string, segment: number): Prepared[] {
    const found: Prepared[] = [];
    if (!this.#isCertain(name)) return found;
    for (let entry = this.#prepared.get(name); entry; entry = entry.before) {
      if (entry.prepared) found.push(entry.prepared);
      // Had it failed, the target would pass over whatever stands in front of the next Sync.
      if (entry.segment === segment) break;
    }
    return found;
  }

  portal(name: string): Portal | undefined {
    return this.#isCertain(name) ? this.#portals.get(name) : undefined;
  }

  /** Whether a portal with a name is open. */
  get hasNamedPortals(): boolean {
    return this.#portals.size > 1 || (this.#portals.size === 1 && !this.#portals.has(''));
  }

  /** Undefined: there are too many. `segment` undefined: prepared by a Query. */
  prepare(prepared: Prepared, segment: number | undefined): Undo | undefined {
    this.#touch(prepared.name);
    if (this.#prepared.size >= MAX_NAMES && !this.#prepared.has(prepared.name)) return undefined;
    if (this.#textChars + charsOf(prepared) > MAX_TEXT_CHARS && charsOf(prepared) > SHORT_TEXT_CHARS) {
      prepared.textBytes ??= Buffer.byteLength(prepared.text);
      prepared.text = prepared.text.slice(0, SHORT_TEXT_CHARS);
      prepared.source = undefined;
    }
    return this.#change(prepared.name, prepared, segment);
  }

  bind(portal: Portal): Undo | undefined {
    this.#touch(portal.name);
    const before = this.#portals.get(portal.name);
    if (this.#portals.size >= MAX_NAMES && !before) return undefined;
    this.#portals.set(portal.name, portal);
    return { of: 'portal', name: portal.name, before };
  }

  closePrepared(name: string, segment: number): Undo | undefined {
    this.#touch(name);
    return this.#prepared.has(name) ? this.#change(name, undefined, segment) : undefined;
  }

  closePortal(name: string): Undo {
    this.#touch(name);
    const before = this.#portals.get(name);
    this.#portals.delete(name);
    return { of: 'portal', name, before };
  }

  /** The message that `undo` came of had no effect. Latest first. */
  undo(undo: Undo): void {
    if (undo.of === 'portal') {
      if (undo.before) this.#portals.set(undo.name, undo.before);
      else this.#portals.delete(undo.name);
      return;
    }
    const { name, entry } = undo;
    let later: Entry | undefined;
    let found = this.#prepared.get(name);
    while (found && found !== entry) {
      later = found;
      found = found.before;
    }
    if (!found) return;
    if (later) later.before = entry.before;
    else this.#set(name, entry.before);
  }

  /** It had its effect. */
  settle(undo: Undo): void {
    if (undo.of === 'portal') return;
    undo.entry.before = undefined;
    if (undo.entry.prepared === undefined && this.#prepared.get(undo.name) === undo.entry)
      this.#set(undo.name, undefined);
  }

  /** A Query drops the unnamed statement and portal, unless it is itself passed over. */
  forgetUnnamed(segment: number): Undo | undefined {
    if (this.#portals.size > 0) this.#portals.delete('');
    return this.#prepared.size > 0 && this.#prepared.has('') ? this.#change('', undefined, segment) : undefined;
  }

  /** Portals end with their transaction. */
  forgetPortals(): void {
    if (this.#portals.size > 0) this.#portals.clear();
  }

  /** DEALLOCATE ALL, DISCARD ALL: what was prepared before it was sent. */
  forgetPrepared(sequence: number): void {
    for (const [name, entry] of this.#prepared) if (entry.sequence <= sequence) this.#set(name, undefined);
  }

  /** Something was prepared that nobody read: any name may stand for it. */
  distrust(): void {
    this.preparedComplete = false;
    for (let [, entry] of this.#prepared as Iterable<[string, Entry | undefined]>)
      for (; entry; entry = entry.before) if (entry.prepared) entry.prepared.source = undefined;
  }

  /** Of letters beyond ASCII only where they are read as the target reads them, and all under which names were made were. */
  #isCertain(name: string): boolean {
    return isAscii(name) || (this.lettersComplete && this.#isRead(name));
  }

  #isRead(name: string): boolean {
    // Of a longer one the server looks at a part, which may end within a letter.
    return this.readsLetters() && !name.includes('\ufffd') && Buffer.byteLength(name) <= MAX_NAME_BYTES;
  }

  /** A name is made or closed. What is not read as the target reads it may be any of them. */
  #touch(name: string): void {
    if (!isAscii(name) && !this.#isRead(name)) this.lettersComplete = false;
  }

  #change(name: string, prepared: Prepared | undefined, segment: number | undefined): Undo {
    const entry: Entry = { prepared, before: this.#prepared.get(name), segment, sequence: ++this.#sequence };
    this.#set(name, entry);
    return { of: 'prepared', name, entry };
  }

  #set(name: string, entry: Entry | undefined): void {
    this.#textChars += charsOf(entry?.prepared) - charsOf(this.#prepared.get(name)?.prepared);
    if (entry) this.#prepared.set(name, entry);
    else this.#prepared.delete(name);
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what all encodings share
const isAscii = (name: string): boolean => !/[^\x00-\x7f]/.test(name);

const charsOf = (prepared: Prepared | undefined): number =>
  prepared ? prepared.text.length + (prepared.source?.text?.length ?? 0) : 0;
