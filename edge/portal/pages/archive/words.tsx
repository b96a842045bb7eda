// What is said of retention on more than one page: what stands against a purge, what a hold is on, what was stored.

import type { HoldScope } from '../../../../core/retention/hold.ts';
import type { PurgeRefusal } from '../../../../core/retention/may-purge.ts';
import type { PurgeEvidence, PurgePage } from '../../../../core/retention/purge.ts';
import { refusalParts } from '../../../../core/retention/refusal-words.ts';
import { count, showBytes } from '../../../../core/text/amounts.ts';
import { address, to } from '../../components/parts.tsx';
import { Mono, Text, Time } from '../../components/text.tsx';

export const holdAddress = (id: string): string => to('retention', 'holds', id);

export const Refusals = ({ refusals }: { refusals: readonly PurgeRefusal[] }) => (
  <ul class="plain refusals">
    {refusals.map((refusal) => (
      <li>
        <Refusal refusal={refusal} />
      </li>
    ))}
  </ul>
);

const Refusal = ({ refusal }: { refusal: PurgeRefusal }) => (
  <>
    {refusalParts(refusal).map((part) => {
      if (typeof part === 'string') return part;
      if ('time' in part) return <Time iso={part.time} />;
      return (
        <a href={holdAddress(part.hold)}>
          <Mono value={part.hold} />
        </a>
      );
    })}
  </>
);

export const HoldScopeWords = ({ scope }: { scope: HoldScope }) => {
  switch (scope.of) {
    case 'session':
      return (
        <>
          The session{' '}
          <a href={to('sessions', scope.session)}>
            <Mono value={scope.session} />
          </a>
        </>
      );
    case 'user':
      return (
        <>
          All sessions of{' '}
          <a href={address('/sessions', { email: scope.email })}>
            <Text value={scope.email} />
          </a>
        </>
      );
    case 'resource':
      return (
        <>
          All sessions on{' '}
          <a href={address('/sessions', { resource: scope.resource })} class="resource-name">
            {scope.resource}
          </a>
        </>
      );
    case 'time':
      return (
        <>
          What ran between <Time iso={scope.since} /> and <Time iso={scope.until} />
        </>
      );
    case 'sessions':
      return <>{count(scope.sessions.length, 'session')}, by name</>;
  }
};

/** Digests and numbers: what a copy that was kept elsewhere can be told by. */
export const StoredEvidence = ({ evidence, cut = false }: { evidence: PurgeEvidence; cut?: boolean }) => {
  const digest = evidence.manifest ?? evidence.lastSegment;
  return (
    <>
      {count(evidence.versions, 'object')}, {showBytes(evidence.bytes)}
      {digest === undefined ? null : (
        <span class="digest">
          {evidence.manifest === undefined ? 'last segment' : 'manifest'} <Mono value={digest} cut={cut} />
        </span>
      )}
    </>
  );
};

export const PURGE_STATES: Readonly<Record<PurgePage['purges'][number]['state'], string>> = {
  proposed: 'Due: waits to be written down',
  ordered: 'Ordered: the next run deletes it',
  refused: 'Refused',
  done: 'Deleted',
  settled: 'Deleted and written down',
};
