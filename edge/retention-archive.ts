// Retention as the functions keep it: purges, holds, what keeps a session. The edge never talks to tables or buckets itself.

import type { z } from 'zod';
import type { ConnectorId, SessionId } from '../core/ids.ts';
import type { LegalHold } from '../core/retention/hold.ts';
import { DueDays } from '../core/retention/overview.ts';
import {
  HoldList,
  orderText,
  type PurgeOrder,
  PurgePage,
  PurgeReport,
  SessionRetention,
} from '../core/retention/purge.ts';
import { err, ok, type Result } from '../core/result.ts';
import { showNote, signNote } from '../core/tlog/note.ts';
import type { ArchiveFetch } from './archive.ts';
import { signedArchiveFetch } from './archive-fetch.ts';
import { logSigner } from './authority/log-signer.ts';
import type { Admission } from './ports/witness.ts';
import type { EdgeSettings } from './settings.ts';

/** A session of a day has 17,000 objects whose locks are read. */
const ANSWER_WITHIN_MS = 60_000;

/** `conflict`: something stands against it, `against` says what. */
export type RetentionFault = { readonly reason: 'unavailable' | 'conflict'; readonly against: string };
type Asked<T> = Promise<Result<T, RetentionFault>>;

/** The edge's own record of a session. */
type Admitted = Pick<Admission, 'connector' | 'retainDays'>;

export interface RetentionArchive {
  purges(after?: SessionId): Asked<PurgePage>;
  /** Signed on its way: who writes to the functions' table cannot order. */
  order(session: SessionId, order: Omit<PurgeOrder, 'note'> & { readonly connector: ConnectorId }): Asked<void>;
  settled(session: SessionId): Asked<void>;
  /** `retainDays`: for which the edge granted it; undefined: it does not know. */
  session(session: SessionId, admission: Admitted): Asked<SessionRetention>;
  due(): Asked<DueDays>;
  report(session?: SessionId): Asked<PurgeReport>;
  holds(): Asked<HoldList>;
  putHold(hold: LegalHold): Asked<void>;
}

export function createRetentionArchive(settings: EdgeSettings): RetentionArchive {
  const { FUNCTIONS_URL: baseUrl, EDGE_SECRET, PUBLIC_URL } = settings;
  const fetcher: ArchiveFetch = signedArchiveFetch(settings);
  const call = async (path: string, init: RequestInit = {}): Asked<unknown> => {
    try {
      const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
      const request = new Request(`${baseUrl}/retention${path}`, { ...init, signal, redirect: 'manual' });
      const response = await fetcher(request);
      const body: unknown = await response.json().catch(() => undefined);
      if (response.ok) return ok(body);
      if (response.status === 409) return err({ reason: 'conflict', against: messageIn(body) });
      console.error(`the functions answered ${response.status} to /retention`);
    } catch (error) {
      console.error(`the functions did not answer /retention: ${error instanceof Error ? error.name : 'unknown'}`);
    }
    return err({ reason: 'unavailable', against: '' });
  };
  const read = async <S extends z.ZodType>(schema: S, path: string): Asked<z.output<S>> => {
    const answer = await call(path);
    if (!answer.ok) return answer;
    const parsed = schema.safeParse(answer.value);
    return parsed.success ? ok(parsed.data) : err({ reason: 'unavailable', against: '' });
  };
  const send = async (method: string, path: string, body: unknown): Asked<void> => {
    const headers = { 'content-type': 'application/json' };
    const answer = await call(path, { method, headers, body: JSON.stringify(body) });
    return answer.ok ? ok(undefined) : answer;
  };
  return {
    purges: (after) => read(PurgePage, after === undefined ? '/purges' : `/purges?after=${after}`),
    order: async (session, order) => {
      const { key, sign } = await logSigner(EDGE_SECRET, PUBLIC_URL);
      const text = orderText({ session, connector: order.connector }, order);
      const note = showNote({ text, signatures: [await signNote(text, key, sign)] });
      return send('POST', `/purges/${session}/order`, { ...order, note });
    },
    settled: (session) => send('POST', `/purges/${session}/settled`, {}),
    session: (session, { connector, retainDays }) => {
      const granted = retainDays === undefined ? '' : `&granted=${retainDays}`;
      return read(SessionRetention, `/sessions/${session}?connector=${connector}${granted}`);
    },
    due: () => read(DueDays, '/due'),
    report: (session) => read(PurgeReport, session === undefined ? '/report' : `/report?session=${session}`),
    holds: () => read(HoldList, '/holds'),
    putHold: (hold) => send('PUT', `/holds/${hold.id}`, hold),
  };
}

const messageIn = (body: unknown): string => {
  const { error } = (body ?? {}) as { error?: { message?: unknown } };
  return typeof error?.message === 'string' ? error.message : '';
};
