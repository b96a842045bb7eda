// What keeps one session, and purging it before its time.

import type { SessionDetail } from '../../../../core/catalogue.ts';
import type { SessionRetention } from '../../../../core/retention/purge.ts';
import { DAY_MS, possibleFrom } from '../../../../core/retention/may-purge.ts';
import { count } from '../../../../core/text/amounts.ts';
import { address, NoticeBox, to } from '../../components/parts.tsx';
import { Mono, Text, Time } from '../../components/text.tsx';
import { ReasonField } from './reason-field.tsx';
import { holdAddress, PURGE_STATES, Refusals, StoredEvidence } from './words.tsx';

/** On the session's own page, as its recording has it. */
export const RetentionSection = ({ detail }: { detail: SessionDetail }) => (
  <section class="evidence" aria-labelledby="retention">
    <h2 id="retention">Retention</h2>
    <p>
      <KeptFor detail={detail} /> <a href={to('sessions', detail.session.id, 'retention')}>Locks, holds and purge</a>
    </p>
  </section>
);

const KeptFor = ({ detail: { session, manifest } }: { detail: SessionDetail }) => {
  const retainDays = manifest?.opened?.grant.obligations.record.retainDays;
  if (retainDays === undefined || session.endedAt === undefined)
    return (
      <>
        Kept for as long as rule <code>{session.rule}</code> said when its grant was made, counted from when the last of
        it is stored.
      </>
    );
  return (
    <>
      Kept for {count(retainDays, 'day')} by rule <code>{session.rule}</code>, until{' '}
      <Time iso={new Date(Date.parse(session.endedAt) + retainDays * DAY_MS).toISOString()} /> at least.
    </>
  );
};

/** For those who may view the session, and no more of what keeps it. */
export const KeptSessionPage = ({ detail }: { detail: SessionDetail }) => (
  <div class="narrow">
    <Crumb session={detail.session.id} />
    <h1>Retention of a session</h1>
    <p>
      <KeptFor detail={detail} />
    </p>
    <p class="lead">
      Its locks, what holds it and what a purge came to are for auditors and administrators: ask one of them.
    </p>
  </div>
);

interface SessionRetentionProps {
  kept: SessionRetention;
  email: string;
  /** What the reader just did. */
  told: 'asked' | 'ordered' | undefined;
  reason?: string;
  problem?: string;
}

export const SessionRetentionPage = ({ kept, email, told, reason = '', problem }: SessionRetentionProps) => {
  const { session, storedAt, keptUntil, locks, evidence, heldObjects, holds, refusals, purge } = kept;
  const isStored = evidence.versions > 0;
  // Of what is gone the purge knows what it was.
  const retention = kept.retention ?? purge?.retention;
  return (
    <div class="narrow">
      <Crumb session={session} />
      <h1>Retention of a session</h1>
      <p>
        <Mono value={session} />
      </p>
      {told === undefined ? null : (
        <NoticeBox kind="good">
          {told === 'ordered'
            ? 'Its purge is ordered: the next run deletes it.'
            : 'You have asked for it. It waits for somebody else to agree.'}
        </NoticeBox>
      )}
      {problem === undefined ? null : (
        <NoticeBox kind="error">
          <Text value={problem} />
        </NoticeBox>
      )}
      {kept.purged === undefined ? null : (
        <NoticeBox kind="plain">
          <strong>Purged</strong> at <Time iso={kept.purged.at} />, as entry {kept.purged.audit} of the audit log
          ordered.
          {isStored ? ' What is stored came after that.' : ''}
        </NoticeBox>
      )}
      {kept.purged !== undefined || purge === undefined || purge.state === 'refused' ? null : (
        <NoticeBox kind="warning">
          <strong>{PURGE_STATES[purge.state]}</strong>, since <Time iso={purge.at} />.
        </NoticeBox>
      )}
      <dl class="steps">
        <div>
          <dt>Class</dt>
          <dd>
            {retention === undefined ? (
              <span class={isStored ? 'bad' : 'dim'}>
                {isStored ? 'Neither its manifest nor its first segment can be read.' : 'not known'}
              </span>
            ) : (
              <>
                {count(retention.retainDays, 'day')}, rule <code>{retention.rule}</code> of policy version{' '}
                {retention.policyVersion}
              </>
            )}
          </dd>
        </div>
        {isStored ? (
          <>
            <div>
              <dt>Kept until</dt>
              <dd>
                {keptUntil === undefined ? <span class="dim">not known</span> : <Time iso={keptUntil} />}
                {storedAt === undefined ? null : (
                  <span class="hint">
                    {kept.finished
                      ? 'The last of it was stored at '
                      : 'More of it may come. The last of it was stored at '}
                    <Time iso={storedAt} />.
                  </span>
                )}
              </dd>
            </div>
            <div>
              <dt>Locks</dt>
              <dd>
                {locks.length === 0 ? (
                  <span class="dim">none in the store: Gatehouse alone keeps to the rule</span>
                ) : null}
                {locks.map(({ mode, until }) => (
                  <span class="line">
                    {mode === 'COMPLIANCE' ? 'Compliance mode' : 'Governance mode'} until <Time iso={until} />
                  </span>
                ))}
              </dd>
            </div>
            <div>
              <dt>Holds</dt>
              <dd>
                {holds.length === 0 ? <span class="dim">none covers it</span> : null}
                {holds.map((id) => (
                  <span class="line">
                    <a href={holdAddress(id)}>
                      <Mono value={id} />
                    </a>
                  </span>
                ))}
                {heldObjects > 0 ? (
                  <span class="hint">{count(heldObjects, 'object is', 'objects are')} under the store's own hold.</span>
                ) : null}
                <span class="line">
                  <a href={address('/retention/holds/new', { session })}>Place a hold on it</a>
                </span>
              </dd>
            </div>
          </>
        ) : null}
        <div>
          <dt>Stored</dt>
          <dd>
            {isStored ? (
              <StoredEvidence evidence={evidence} />
            ) : purge ? (
              <>
                nothing any more; it was <StoredEvidence evidence={purge.evidence} />
              </>
            ) : (
              'nothing'
            )}
          </dd>
        </div>
      </dl>
      {isStored ? (
        <>
          <h2>What stands against its purge today</h2>
          {refusals.length > 0 ? (
            <>
              <Refusals refusals={refusals} />
              {kept.possibleFrom === undefined ? null : (
                <p>
                  It can be purged from <Time iso={kept.possibleFrom} /> on.
                </p>
              )}
            </>
          ) : (
            <p>Nothing: it is due, and goes with one of the next runs.</p>
          )}
        </>
      ) : null}
      {!isStored || purge?.state === 'ordered' ? null : <Early kept={kept} email={email} reason={reason} />}
    </div>
  );
};

const Crumb = ({ session }: { session: string }) => (
  <p class="crumb">
    <a href={to('sessions', session)}>Session</a>
  </p>
);

const Early = ({ kept, email, reason }: { kept: SessionRetention; email: string; reason: string }) => {
  const { session, early, asked } = kept;
  const from = possibleFrom(early);
  return (
    <section class="early" aria-labelledby="early">
      <h2 id="early">Purge it before its time</h2>
      {early.length > 0 ? (
        <>
          <p>Not possible today:</p>
          <Refusals refusals={early} />
          {from === undefined ? null : (
            <p>
              It becomes possible at <Time iso={from} />.
            </p>
          )}
        </>
      ) : asked?.by === email ? (
        <NoticeBox kind="warning">
          You asked for it. It waits until <Time iso={asked.until} /> for somebody else to agree, on this page or with{' '}
          <code>gatehouse purge --early</code>.
        </NoticeBox>
      ) : (
        <form method="post" action={to('sessions', session, 'retention')} class="form">
          {asked ? (
            <NoticeBox kind="warning">
              <strong>
                <Text value={asked.by} />
              </strong>{' '}
              asked for it, until <Time iso={asked.until} />: <Text value={asked.reason} />
            </NoticeBox>
          ) : null}
          <p>
            {asked
              ? 'If you agree it is ordered at once, and the next run deletes the recording with all its copies in the store. That cannot be undone.'
              : 'For the right to erasure. It takes two people: you ask, and somebody else has to agree within seven days. Then the recording is deleted for ever; the audit log keeps its digests.'}
          </p>
          <input type="hidden" name="step" value={asked ? 'agree' : 'ask'} />
          <ReasonField value={reason} />
          <div class="form-end">
            <button type="submit" class="button button-danger">
              {asked ? 'Agree, and purge it' : 'Ask for its purge'}
            </button>
            <a href={to('sessions', session)}>Keep it</a>
          </div>
        </form>
      )}
    </section>
  );
};
