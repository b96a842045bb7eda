// Connections that come into a session and leave it, as a replay tells of them.

import type { ReplayEvent } from '../../core/catalogue.ts';
import type { Fact } from '../../core/recording/facts/fact.ts';

type ConnectionFact = Extract<Fact, { kind: `connection.${string}` }>;

export function connectionNotice(timeUs: number, fact: ConnectionFact): Extract<ReplayEvent, { kind: 'notice' }> {
  const joined = fact.kind === 'connection.joined';
  return { kind: 'notice', timeUs, severity: joined ? 'JOINED' : 'LEFT', message: wordsOf(fact) };
}

function wordsOf(fact: ConnectionFact): string {
  if (fact.kind === 'connection.left') return `Connection ${fact.connection} left the session.`;
  const { address, tls, application } = fact.client;
  const by = application === undefined ? '' : ` (${application})`;
  return `Connection ${fact.connection} joined the session from ${address}${by}, ${tls ?? 'without TLS'}.`;
}
