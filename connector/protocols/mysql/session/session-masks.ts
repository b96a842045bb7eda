// What the masks of a session say of its texts: whether one runs, how its results are shown, and what of it is recorded.

import type { Masks } from '../../../../core/masking/masks.ts';
import { MysqlFault } from '../../../../core/sql/mysql/faults.ts';
import { exposeHidden, type Exposed } from '../../../../core/sql/mysql/hidden/hidden-columns.ts';
import { holdsSamples } from '../../../../core/sql/mysql/hidden/hidden-names.ts';
import { summarizeMysql } from '../../../../core/sql/mysql/mysql.ts';
import type { MysqlTextSettings } from '../../../../core/sql/mysql/settings.ts';
import { tokensOf } from '../../../../core/sql/mysql/hidden/text-tokens.ts';
import type { UpstreamTarget } from '../../../net/dial.ts';
import { mayTellOfAccounts } from '../masking/account-secrets.ts';
import { HiddenCatalogue } from '../masking/catalogue.ts';
import type { ShownBy } from '../masking/masked-results.ts';
import { decodeText } from '../rules/session-settings.ts';
import { MAX_WHOLE_BYTES } from '../wire/client-packets.ts';
import { masksRefuse, masksUnread } from '../wire/refusals.ts';
import type { MysqlError } from '../wire/replies.ts';

/** Longer ones are not read for what they show. */
const MAX_READ_BYTES = MAX_WHOLE_BYTES;
const STAR = 0x2a;

export interface MaskedText {
  readonly refused: MysqlError | undefined;
  /** Undefined: nothing is masked. */
  readonly shownBy: ShownBy | undefined;
  /** Its literals and parameters may be values of hidden columns. */
  readonly literals: boolean;
}

const CLEAR = { kind: 'clear' } as const;
const UNTOUCHED: MaskedText = { refused: undefined, shownBy: undefined, literals: false };

export class SessionMasks {
  readonly #masks: () => Masks;
  readonly #catalogue: HiddenCatalogue;
  readonly #target: UpstreamTarget;

  constructor(target: UpstreamTarget, masks: () => Masks) {
    this.#masks = masks;
    this.#target = target;
    this.#catalogue = new HiddenCatalogue(target, masks);
  }

  /** By a login the session is in this database, or in the resource's own where none is named. No text gets it into one of the server's own. */
  entered(database: string | undefined): void {
    this.#catalogue.inServersOwn = holdsSamples(database || (this.#target.database ?? ''));
  }

  get any(): boolean {
    return this.#masks().any;
  }

  /** Rules on columns are in force, which ask what a text says. */
  get ofColumns(): boolean {
    return this.#masks().columnRules.length > 0;
  }

  /** Resolves when names are known as far as they can be. Undefined: they are. */
  notYet(): Promise<void> | undefined {
    return this.ofColumns ? this.#catalogue.refresh() : undefined;
  }

  /** `bytes` undefined: not all of it is here. */
  on(bytes: Buffer | undefined, settings: MysqlTextSettings | undefined): MaskedText {
    const masks = this.#masks();
    const accounts = mayTellOfAccounts(bytes);
    if (!masks.any) {
      if (!accounts) return UNTOUCHED;
      return { ...UNTOUCHED, shownBy: { masks, exposure: CLEAR, quotesData: false, accounts, computed: () => false } };
    }
    const catalogue = this.#catalogue;
    const computed: ShownBy['computed'] = (schema, table, column) => catalogue.computed(schema, table, column);
    if (!this.ofColumns)
      return {
        ...UNTOUCHED,
        shownBy: { masks, exposure: CLEAR, quotesData: false, accounts, computed },
      };
    const exposed = this.#expose(bytes, settings);
    if (typeof exposed === 'string') return { refused: masksUnread(exposed), shownBy: undefined, literals: true };
    const { exposure, touches, literals } = exposed;
    if (exposure.kind === 'refused') return { refused: masksRefuse(exposure.why), shownBy: undefined, literals: true };
    return { refused: undefined, shownBy: { masks, exposure, quotesData: touches, accounts, computed }, literals };
  }

  /** The same, each time that it is asked for by what holds then. */
  later(bytes: Buffer | undefined, settings: MysqlTextSettings | undefined): () => MaskedText {
    let known: { readonly masks: Masks; readonly version: number; readonly text: MaskedText } | undefined;
    return () => {
      const masks = this.#masks();
      const { version } = this.#catalogue;
      if (known?.masks !== masks || known.version !== version)
        known = { masks, version, text: this.on(bytes, settings) };
      return known.text;
    };
  }

  /** Of a command that runs nothing. */
  ofNothing(): MaskedText {
    const masks = this.#masks();
    const shownBy: ShownBy = {
      masks,
      exposure: { kind: 'unknown' },
      quotesData: true,
      accounts: true,
      computed: () => true,
    };
    return masks.any ? { ...UNTOUCHED, shownBy } : UNTOUCHED;
  }

  #expose(bytes: Buffer | undefined, settings: MysqlTextSettings | undefined): Exposed | string {
    if (!bytes || !settings || bytes.length > MAX_READ_BYTES) return 'it is too long to be read, or not known';
    const [text, own] = decodeText(bytes, settings);
    const read = summarizeMysql(text, own);
    if (!read.ok) return `it ${read.error.message}`;
    try {
      return exposeHidden(text, own, read.value, this.#catalogue);
    } catch (error) {
      if (!(error instanceof MysqlFault)) throw error;
      return `it ${error.message}`;
    }
  }
}

/** A copy whose literals and comments are written over; what cannot be read is so as a whole. */
export function withoutLiterals(bytes: Buffer, settings: MysqlTextSettings | undefined): Buffer {
  const copy = Buffer.from(bytes);
  if (!settings || bytes.length > MAX_READ_BYTES) return copy.fill(STAR);
  const [text, own] = decodeText(bytes, settings);
  const wide = Buffer.byteLength(text) === bytes.length && text.length !== bytes.length;
  try {
    let at = 0;
    let byte = 0;
    const place = (character: number): number => {
      byte += wide ? Buffer.byteLength(text.slice(at, character)) : character - at;
      at = character;
      return byte;
    };
    const blank = (to: number) => {
      for (let from = byte, until = place(to); from < until; from++)
        if ((copy[from] as number) > 0x20) copy[from] = STAR;
    };
    for (const { literal, start, end } of tokensOf(text, own)) {
      // A comment.
      blank(start);
      const from = byte;
      place(end);
      if (literal) copy.fill(STAR, from, byte);
    }
    blank(text.length);
    return copy;
  } catch (error) {
    if (!(error instanceof MysqlFault)) throw error;
    return copy.fill(STAR);
  }
}
