// Meetings of literals and parameters with columns, as classes of what stands for each other (union-find). Knows no
// dialect: a reader of statements says what is compared, assigned or computed together.

import { keyOf, type Source } from './lineage.ts';

/** The column at a place of a table, from 0: an INSERT that names no columns. */
export interface Place {
  readonly kind: 'place';
  readonly schema?: string;
  readonly table: string;
  readonly index: number;
}

export interface Meeting {
  readonly columns: readonly (Source | Place)[];
  /** Not followed: it may be any column. */
  readonly anything: boolean;
  /** It is written to a table: whatever that table's triggers and rules do with it counts too. */
  readonly written: boolean;
  /** Offsets in the text's UTF-8 bytes, and numbers of parameters (`$1` is 1). A value of several meetings has met all of their columns. */
  readonly literals: readonly number[];
  readonly parameters: readonly number[];
}

/** A literal by where it stands, or a parameter. */
export type Given =
  | { readonly kind: 'literal'; readonly offset: number }
  | { readonly kind: 'parameter'; readonly number: number };

export type Member = Source | Place | Given;

export function memberKey(member: Member): string {
  switch (member.kind) {
    case 'place':
      return `@${member.index} ${member.schema ?? ''} ${member.table}`;
    case 'literal':
      return `l${member.offset}`;
    case 'parameter':
      return `p${member.number}`;
    default:
      return keyOf(member);
  }
}
const isGiven = (member: Member): member is Given => member.kind === 'literal' || member.kind === 'parameter';
const tableOf = (member: Member): string | undefined =>
  member.kind === 'column' || member.kind === 'row' || member.kind === 'place' ? member.table : undefined;

/** Values that stand for each other. */
export class MeetingClasses {
  readonly #members = new Map<string, Member>();
  readonly #above = new Map<string, string>();
  readonly #anything = new Set<string>();
  readonly #written = new Set<string>();
  /** Tables whose whole rows are compared. */
  readonly #rows = new Set<string>();
  /** Given values beside columns, where nothing is compared. */
  readonly #beside: { readonly keys: readonly string[]; readonly anything: boolean }[] = [];

  /** `written`: to what is among them. */
  bind(members: readonly Member[], anything: boolean, written: boolean): void {
    const [first, ...others] = members.map((member) => this.#add(member));
    if (first === undefined) return;
    for (const other of others) this.#above.set(this.#root(other), this.#root(first));
    if (anything) this.#anything.add(first);
    if (written) this.#written.add(first);
    for (const member of members) if (member.kind === 'row') this.#rows.add(member.table);
  }

  beside(members: readonly Member[], anything: boolean): void {
    if (members.some(isGiven)) this.#beside.push({ keys: members.map((member) => this.#add(member)), anything });
  }

  meetings(): readonly Meeting[] {
    this.#joinRows();
    const classes = new Map<string, Member[]>();
    for (const [key, member] of this.#members) {
      const root = this.#root(key);
      const known = classes.get(root);
      if (known) known.push(member);
      else classes.set(root, [member]);
    }
    const marked = (keys: ReadonlySet<string>) => new Set([...keys].map((key) => this.#root(key)));
    const anything = marked(this.#anything);
    const written = marked(this.#written);
    const found = [...classes].flatMap(([root, members]) =>
      members.some(isGiven) ? meetingOf(members, members, anything.has(root), written.has(root)) : [],
    );
    for (const { keys, anything: any } of this.#beside) {
      const roots = new Set(keys.map((key) => this.#root(key)));
      if (roots.size === 1 && !any) continue;
      const given = keys.flatMap((key) => this.#members.get(key) ?? []).filter(isGiven);
      const beside = [...roots].flatMap((root) => classes.get(root) ?? []);
      found.push(meetingOf(given, beside, any || [...roots].some((root) => anything.has(root)), false));
    }
    return found;
  }

  /** Where rows are compared, any of their columns may be. */
  #joinRows(): void {
    const first = new Map<string, string>();
    for (const [key, member] of this.#members) {
      const table = tableOf(member);
      if (table === undefined || !this.#rows.has(table)) continue;
      const other = first.get(table);
      if (other === undefined) first.set(table, key);
      else this.#above.set(this.#root(key), this.#root(other));
    }
  }

  #add(member: Member): string {
    const key = memberKey(member);
    if (!this.#members.has(key)) this.#members.set(key, member);
    return key;
  }

  #root(key: string): string {
    let root = key;
    for (let above = this.#above.get(root); above !== undefined && above !== root; above = this.#above.get(root))
      root = above;
    // The way there is made short for the next time.
    for (let at = key; at !== root; ) {
      const above = this.#above.get(at) ?? root;
      this.#above.set(at, root);
      at = above;
    }
    return root;
  }
}

export function meetingOf(
  given: readonly Member[],
  members: readonly Member[],
  anything: boolean,
  written: boolean,
): Meeting {
  return {
    columns: members.flatMap((member) => (isGiven(member) ? [] : [member])),
    anything,
    written,
    literals: given.flatMap((one) => (one.kind === 'literal' ? [one.offset] : [])),
    parameters: given.flatMap((one) => (one.kind === 'parameter' ? [one.number] : [])),
  };
}
