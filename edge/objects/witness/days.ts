// The witness as its callers have it (ports/witness.ts): which object has a session, by the day of its id, and lists over all.

import type { WitnessPage } from '../../../core/api.ts';
import { newId, SessionId } from '../../../core/ids.ts';
import { dayOfSession, OTHER_DAYS } from '../../../core/tlog/witness-rows.ts';
import type { ObjectsOf } from '../../ports/object.ts';
import type { AdmittedTo, LeftOfPerson, WitnessAnswer, WitnessPort } from '../../ports/witness.ts';
import type { SessionRowsPort, WitnessLogPort, WitnessShardPort } from '../../ports/witness-objects.ts';
import { remote } from '../rpc.ts';

const DAY_MS = 86_400_000;
const PAGE = 200;
/** Rows that are counted, and not answered with. */
const COUNTED_PAGE = 5_000;
/** Objects that one call asks. */
const DAYS_A_CALL = 40;

/** Before and behind every id. */
const LEAST = '';
const MOST = '~';

interface WitnessBindings {
  readonly WITNESS: ObjectsOf<WitnessLogPort>;
  readonly WITNESS_SHARD: ObjectsOf<WitnessShardPort>;
}

/** Of what never becomes untrue, by log: its days, and that there are no rows of an earlier release. */
const known = new Map<string, { readonly days: Set<string>; bare: boolean }>();

/** May be kept as long as one likes. `log`: one for all, but in tests. */
export function witnessOf({ WITNESS, WITNESS_SHARD }: WitnessBindings, log = 'only'): WitnessPort {
  const first = remote(WITNESS, log);
  const shardOf = (day: string) => remote(WITNESS_SHARD, `${log} ${day}`);
  const memory = known.get(log) ?? { days: new Set<string>(), bare: false };
  known.set(log, memory);

  const isBare = async () => (memory.bare ||= await first.isBare());
  const hasDay = async (day: string) => {
    // An object that nobody put a row into is not made for a question.
    if (memory.days.has(day)) return true;
    if (!(await first.hasDay(day))) return false;
    memory.days.add(day);
    return true;
  };
  /** In an array: whatever is asked of such an object becomes a call, and a promise asks whether there is a `then`. */
  const homesOf = async (session: SessionId): Promise<readonly SessionRowsPort[]> => {
    if (!(await isBare()) && (await first.ownersOf([session]))[0]) return [first];
    const day = dayOfSession(session);
    return (await hasDay(day)) ? [shardOf(day)] : [];
  };
  /** Those that have sessions of all times. */
  const ofAllTimes = async (): Promise<SessionRowsPort[]> => [
    ...((await isBare()) ? [] : [first]),
    ...((await hasDay(OTHER_DAYS)) ? [shardOf(OTHER_DAYS)] : []),
  ];
  const judged = async (
    session: SessionId,
    act: (home: SessionRowsPort) => Promise<WitnessAnswer>,
  ): Promise<WitnessAnswer> => {
    const [home] = await homesOf(session);
    return home ? act(home) : 'foreign';
  };

  return {
    async admitAll(sessions, connector) {
      const earlier = (await isBare()) ? [] : await first.ownersOf(sessions.map(({ session }) => session));
      const answers = sessions.map((_, at) => earlier[at] === connector);
      const fresh = sessions.map((each, at) => ({ each, at })).filter(({ at }) => !earlier[at]);
      const days = Map.groupBy(fresh, ({ each }) => dayOfSession(each.session));
      await Promise.all(
        [...days].map(async ([day, of]) => {
          const owned = await shardOf(day).admitAll({ log, day }, plain(of), connector);
          for (const [index, { at }] of of.entries()) answers[at] = owned[index] === true;
          memory.days.add(day);
        }),
      );
      return answers;
    },

    async admissions(sessions) {
      const earlier = (await isBare()) ? [] : await first.admissions(sessions);
      const answers = sessions.map((_, at) => earlier[at]);
      const rest = sessions.map((session, at) => ({ session, at })).filter(({ at }) => !earlier[at]);
      const days = Map.groupBy(rest, ({ session }) => dayOfSession(session));
      await Promise.all(
        [...days].map(async ([day, of]) => {
          if (!(await hasDay(day))) return;
          const found = await shardOf(day).admissions(of.map(({ session }) => session));
          for (const [index, { at }] of of.entries()) answers[at] = found[index];
        }),
      );
      return answers;
    },

    recordHead: (connector, head) => judged(head.session, (home) => home.recordHead(connector, head)),
    recordManifest: (connector, manifest) =>
      judged(manifest.session, (home) => home.recordManifest(connector, manifest)),
    recordNeverBegan: (connector, what) => judged(what.session, (home) => home.recordNeverBegan(connector, what)),

    async recordPurgeOrdered(session, audit) {
      const [home] = await homesOf(session);
      await home?.recordPurgeOrdered(session, audit);
    },
    async dropPurgeOrder(session, audit) {
      const [home] = await homesOf(session);
      await home?.dropPurgeOrder(session, audit);
    },
    async recordPurged(session, audit) {
      const [home] = await homesOf(session);
      await home?.recordPurged(session, audit);
    },
    async witnessed(session) {
      const [home] = await homesOf(session);
      return home?.witnessed(session);
    },

    async leftOf(email, cursor): Promise<LeftOfPerson> {
      const after = cursor ?? LEAST;
      const pages = await Promise.all((await ofAllTimes()).map((each) => each.leftOf(email, after, COUNTED_PAGE)));
      const days = await first.daysFrom(cursor ? dayAround(cursor) : LEAST, 'up', DAYS_A_CALL);
      const byDay = await Promise.all(
        days.map(async (day) => {
          const page = await shardOf(day).leftOf(email, after, COUNTED_PAGE);
          return { ...page, through: page.cursor };
        }),
      );
      // The first that has more is as far as all are known; or the last day that was asked, where there may be more days.
      const more = byDay.find(({ through }) => through !== undefined)?.through;
      const lastDay = days.length === DAYS_A_CALL ? days.at(-1) : undefined;
      const ends = [...pages.map((page) => page.cursor), more, lastDay === undefined ? undefined : endOf(lastDay)];
      const through = ends.filter((each) => each !== undefined).toSorted()[0];
      const sessions = [...pages, ...byDay]
        .flatMap((page) => page.sessions)
        .filter((session) => through === undefined || session <= through)
        .toSorted();
      return { sessions, ...(through !== undefined && { cursor: through }) };
    },

    async list(cursor): Promise<WitnessPage> {
      const before = cursor ?? MOST;
      const pages = await Promise.all((await ofAllTimes()).map((each) => each.list(before, PAGE)));
      const days = await first.daysFrom(cursor === undefined ? MOST : dayAround(cursor), 'down', DAYS_A_CALL);
      let found = 0;
      let floor: string | undefined = days.length === DAYS_A_CALL ? beginOf(days.at(-1) ?? '') : undefined;
      for (const day of days) {
        const page = await shardOf(day).list(before, PAGE);
        pages.push(page);
        found += page.sessions.length;
        if (page.cursor === undefined && found < PAGE) continue;
        floor = page.cursor ?? beginOf(day);
        break;
      }
      const from = [...pages.map((page) => page.cursor), floor]
        .filter((each) => each !== undefined)
        .toSorted()
        .at(-1);
      const all = pages
        .flatMap((page) => page.sessions)
        .filter(({ session }) => from === undefined || session >= from)
        .toSorted((one, other) => (one.session < other.session ? 1 : -1));
      const sessions = all.slice(0, PAGE);
      const next = all.length > PAGE ? sessions.at(-1)?.session : from;
      return { sessions, ...(next !== undefined && { cursor: next }) };
    },

    logKey: () => first.logKey(),
    checkpoint: () => first.checkpoint(),
    async proofsOf(session) {
      const [home] = await homesOf(session);
      const indices = await home?.entriesOf(session);
      return indices ? first.proofs(indices) : [];
    },
    continues: (earlier) => first.continues(earlier),
    logEntries: (index) => first.logEntries(index),
  };
}

const plain = (of: readonly { readonly each: AdmittedTo }[]): AdmittedTo[] => of.map(({ each }) => each);

/** Of the time of a cursor, which may be none of a session. */
function dayAround(cursor: string): string {
  const session = SessionId.safeParse(cursor);
  if (!session.success) return cursor > 'ses_' ? MOST : LEAST;
  const day = dayOfSession(session.data);
  if (day !== OTHER_DAYS) return day;
  return session.data < newId('ses') ? LEAST : MOST;
}

const boundary = (ms: number, letter: string): SessionId =>
  SessionId.parse(
    `${newId('ses', { now: () => ms, random: () => new Uint8Array(16) }).slice(0, 14)}${letter.repeat(16)}`,
  );

const beginOf = (day: string): SessionId => boundary(Date.parse(day), '0');
const endOf = (day: string): SessionId => boundary(Date.parse(day) + DAY_MS - 1, 'z');
