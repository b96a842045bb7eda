// What transcripts say first of a session: who, when, where and by which grant. Nothing in it changes once the session is over.

import type { SessionEntry } from '../../core/catalogue.ts';
import { PROTOCOLS } from '../../core/protocols.ts';
import { onOneLine } from '../../core/text/written-text.ts';

type HeadLine = readonly [name: string, value: string];

/** Names of one word; values on one line, safe to print. */
export function headOf(session: SessionEntry): HeadLine[] {
  const { client, task, trace, exempt, breakGlass } = session;
  const lines: (HeadLine | undefined)[] = [
    ['session', session.id],
    ['person', session.email],
    ['resource', `${session.resource} (${PROTOCOLS[session.protocol].title})`],
    ['started', session.startedAt],
    session.endedAt === undefined ? undefined : ['ended', session.endedAt],
    ['client', [client.address, client.tls, client.application].filter((each) => each !== undefined).join(', ')],
    ['connector', session.connector],
    ['grant', `${session.grant}, by rule ${session.rule}`],
    ['reason', session.reason],
    task === undefined ? undefined : ['task', task],
    trace === undefined ? undefined : ['trace', trace],
    breakGlass ? ['approval', 'none: the glass was broken'] : undefined,
    exempt === undefined ? undefined : ['recorded', `nothing of what went over: ${exempt}`],
  ];
  return lines.filter((line) => line !== undefined).map(([name, value]) => [name, onOneLine(value)]);
}
