// The catalogue's writing side. Only single-item writes, each idempotent and free of order; a
// session's row is written by the connector that first used its id, and by no other.

import type { SegmentHeader } from '../../core/recording/segment.ts';
import type { ConnectorId, SessionId } from '../../core/ids.ts';
import type { Manifest } from '../../core/recording/manifest.ts';
import { sessionEndOf, type SessionOpening } from '../../core/session-evidence.ts';
import { actionItems } from './action-blocks.ts';
import { ChainState } from '../../core/recording/verify-chain.ts';
import {
  ACTIONS,
  CHAIN_ROW,
  DUE_DAYS,
  duePartition,
  MONTHS,
  monthOf,
  SESSION_ROW,
  segmentRow,
  sessionPartition,
  TALLY_SEGMENTS,
  tallyRow,
} from './schema.ts';
import type { SegmentContents } from './segment-contents.ts';
import { indexAttributes, type Tally, tallyAttribute } from './session-row.ts';
import type { CatalogueTable, Item } from './table.ts';

const MAX_CHAIN_CHARACTERS = 100_000;

interface SessionOwner {
  readonly session: SessionId;
  readonly connector: ConnectorId;
}

export class CatalogueWriter {
  readonly #table: CatalogueTable;
  /** Months known to be registered: saves a write a session, nothing depends on it. */
  readonly #months = new Set<string>();

  constructor(table: CatalogueTable) {
    this.#table = table;
  }

  /** The session's row: everything else is written after this gave one. `purged`: nothing of the session is written any more. */
  async claim(owner: SessionOwner): Promise<Item | 'anothers' | 'purged'> {
    const claimed = await this.#set(owner, {}, undefined, {}, {}, 'ALL_NEW');
    if (claimed) return claimed;
    const row = await this.#table.get({ pk: sessionPartition(owner.session), sk: SESSION_ROW });
    return row?.connector === owner.connector && row.purged !== undefined ? 'purged' : 'anothers';
  }

  /** Has the purge look at the session on that day (`2027-02-18`), and notes on its row that it will. The day itself last: one that is listed may be empty, never the reverse. */
  async putDue(owner: SessionOwner, day: string): Promise<void> {
    await this.#table.putAll([{ pk: duePartition(day), sk: owner.session, connector: owner.connector }]);
    await this.#table.putAll([{ pk: DUE_DAYS, sk: day }]);
    await this.#set(owner, { due: day });
  }

  /**
   * Lists the session. `segment`: its first segment was read, the best source, and overwrites.
   * `manifest`: used until then (a session whose first segment is damaged would be seen by nobody).
   */
  async putOpened(
    owner: SessionOwner,
    opened: SessionOpening,
    retainDays: number,
    source: 'segment' | 'manifest',
  ): Promise<void> {
    const month = monthOf(opened.startedAt);
    if (!this.#months.has(month)) {
      await this.#table.putAll([{ pk: MONTHS, sk: month }]);
      this.#months.add(month);
    }
    const attributes = { opened, openedFrom: source, retainDays, ...indexAttributes(opened) };
    await this.#set(
      owner,
      attributes,
      source === 'manifest' ? 'attribute_not_exists(openedFrom) OR openedFrom <> :segment' : undefined,
      {
        ':segment': 'segment',
      },
    );
  }

  /** The sort keys under which they stand. Before the segment's row and its counts: a count never promises what is not there. */
  async putActions({ session }: SessionOwner, segment: number, contents: SegmentContents): Promise<string[]> {
    const items = actionItems(session, segment, contents);
    await this.#table.putAll(items);
    return items.map(({ sk }) => sk).filter((sk) => sk.startsWith(ACTIONS));
  }

  async putSegment(
    owner: SessionOwner,
    header: SegmentHeader,
    stored: { readonly digest: string; readonly bytes: number },
    contents: Pick<SegmentContents, 'counts' | 'failedCommands'>,
  ): Promise<void> {
    const { number, frames } = header;
    const pk = sessionPartition(owner.session);
    await this.#table.putAll([{ pk, sk: segmentRow(number), number, frames, ...stored }]);
    await this.#count(owner, number, contents);
  }

  async putDamage(owner: SessionOwner, segment: number, fault: string): Promise<void> {
    const lower = 'attribute_not_exists(damage) OR damage.#segment > :number';
    await this.#set(owner, { damage: { segment, fault } }, lower, { ':number': segment }, { '#segment': 'segment' });
  }

  async putEnded(owner: SessionOwner, manifest: Manifest): Promise<void> {
    await this.#set(owner, { ended: sessionEndOf(manifest) });
  }

  /** How far the session's segments were verified in their order; undefined: not at all, or what stands there is none of ours. */
  async chain({ session }: SessionOwner): Promise<ChainState | undefined> {
    const item = await this.#table.get({ pk: sessionPartition(session), sk: CHAIN_ROW });
    try {
      return ChainState.parse(JSON.parse(String(item?.state)));
    } catch {
      return undefined;
    }
  }

  /** One that came further stays. */
  async putChain({ session }: SessionOwner, chain: ChainState): Promise<void> {
    const state = JSON.stringify(chain);
    // An item has at most 400 KB. A session with that many open lanes and refusals is read whole at its end.
    if (state.length > MAX_CHAIN_CHARACTERS) return;
    await this.#table.update({
      Key: { pk: sessionPartition(session), sk: CHAIN_ROW },
      UpdateExpression: 'SET #next = :next, #state = :state',
      ConditionExpression: 'attribute_not_exists(#next) OR #next < :next',
      ExpressionAttributeNames: { '#next': 'next', '#state': 'state' },
      ExpressionAttributeValues: { ':next': chain.next, ':state': state },
      ReturnValues: 'NONE',
    });
  }

  /** What reading the whole recording proved. The latest reading counts. */
  async putVerdict(owner: SessionOwner, state: 'sealed' | 'broken', fault?: string): Promise<void> {
    await this.#set(owner, { verdict: fault === undefined ? { state } : { state, fault } });
  }

  /**
   * Adds a segment's counts once: the tally refuses a number that it holds. The row takes a tally's
   * sum only from one that has seen more segments, so two writers at once leave the later sum.
   */
  async #count(
    owner: SessionOwner,
    number: number,
    { counts, failedCommands }: Pick<SegmentContents, 'counts' | 'failedCommands'>,
  ): Promise<void> {
    const group = Math.floor(number / TALLY_SEGMENTS);
    const key = { pk: sessionPartition(owner.session), sk: tallyRow(group) };
    const { bytes, ...rest } = counts;
    const amounts = {
      ...{ ...rest, client: bytes.client, target: bytes.target, gateway: bytes.gateway },
      // Of how many segments, since an earlier release counted none: a sum of some is no sum.
      ...{ failedCommands, failedCommandsOf: 1 },
    };
    const names = Object.keys(amounts);
    const added = await this.#table.update({
      Key: key,
      UpdateExpression: `ADD #numbers :numbers, ${names.map((name) => `#${name} :${name}`).join(', ')}`,
      ConditionExpression: 'NOT contains(#numbers, :number)',
      ExpressionAttributeNames: {
        '#numbers': 'numbers',
        ...Object.fromEntries(names.map((name) => [`#${name}`, name])),
      },
      ExpressionAttributeValues: {
        ':numbers': new Set([number]),
        ':number': number,
        ...Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [`:${name}`, amount])),
      },
    });
    const item = added ?? (await this.#table.get(key));
    if (!item) return;
    const tally = tallyOf(item);
    await this.#set(
      owner,
      { [tallyAttribute(group)]: tally },
      'attribute_not_exists(#tally) OR #tally.#segments < :segments',
      { ':segments': tally.segments },
      { '#tally': tallyAttribute(group), '#segments': 'segments' },
    );
  }

  async #set(
    { session, connector }: SessionOwner,
    attributes: Item,
    condition?: string,
    values: Item = {},
    names: Readonly<Record<string, string>> = {},
    answer: 'NONE' | 'ALL_NEW' = 'NONE',
  ): Promise<Item | undefined> {
    const entries = [...Object.entries(attributes), ['connector', connector] as const];
    const used = condition === undefined ? {} : values;
    return this.#table.update({
      Key: { pk: sessionPartition(session), sk: SESSION_ROW },
      UpdateExpression: `SET ${entries.map((_, i) => `#a${i} = :a${i}`).join(', ')}`,
      ConditionExpression: `(attribute_not_exists(#owner) OR #owner = :owner) AND attribute_not_exists(purged)${condition ? ` AND (${condition})` : ''}`,
      ExpressionAttributeNames: {
        '#owner': 'connector',
        ...Object.fromEntries(entries.map(([name], i) => [`#a${i}`, name])),
        ...names,
      },
      ExpressionAttributeValues: {
        ':owner': connector,
        ...Object.fromEntries(entries.map(([, value], i) => [`:a${i}`, value])),
        ...used,
      },
      ReturnValues: answer,
    });
  }
}

function tallyOf(item: Item): Tally {
  const amount = (name: string): number => Number(item[name] ?? 0);
  const segments = item.numbers instanceof Set ? item.numbers.size : 0;
  return {
    segments,
    frames: amount('frames'),
    // One that an earlier release began has no actions of its segments, and all of those were statements.
    actions: Math.max(amount('actions'), amount('statements')),
    statements: amount('statements'),
    errors: amount('errors'),
    rows: amount('rows'),
    bytes: { client: amount('client'), target: amount('target'), gateway: amount('gateway') },
    ...(amount('failedCommandsOf') === segments && { failedCommands: amount('failedCommands') }),
  };
}
