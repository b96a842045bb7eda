// One legal hold: what it keeps, who placed it, and lifting it by two.

import { COVERS_NOBODY, coversNobody } from '../../../../core/retention/hold.ts';
import type { HoldList } from '../../../../core/retention/purge.ts';
import { count } from '../../../../core/text/amounts.ts';
import { NoticeBox, to } from '../../components/parts.tsx';
import { Mono, Text, Time } from '../../components/text.tsx';
import { ReasonField } from './reason-field.tsx';
import { holdAddress, HoldScopeWords } from './words.tsx';

type Hold = HoldList['holds'][number];

export const HoldState = ({ hold: { lifted, lifting } }: { hold: Hold }) => {
  const [state, words] = lifted ? ['revoked', 'Lifted'] : lifting ? ['held', 'Lift asked for'] : ['active', 'In force'];
  return (
    <span class={`badge badge-${state}`}>
      <span class="dot" aria-hidden="true" />
      {words}
    </span>
  );
};

/** How far the store's own hold has come. */
export const Covered = ({ hold: { standing, lifted, scope } }: { hold: Hold }) => {
  if (coversNobody({ scope, lifted })) return <span class="bad">nobody: what it is on is no address</span>;
  if (standing === undefined) return <span class="dim">{lifted ? 'nothing' : 'not looked at yet'}</span>;
  const { sessions, whole } = standing;
  if (lifted) return <span class="dim">nothing any more</span>;
  return (
    <>
      {count(sessions, 'session')}
      {sessions === 0 ? ' yet' : whole ? ', all held' : ', not all held yet'}
    </>
  );
};

interface HoldPageProps {
  hold: Hold;
  email: string;
  /** They just placed it. */
  placed: boolean;
  /** What it holds so far, in words. */
  now?: string | undefined;
  /** As it was sent and not taken, with why. */
  reason?: string;
  problem?: string;
}

export const HoldPage = ({ hold, email, placed, now, reason = '', problem }: HoldPageProps) => (
  <div class="narrow">
    <p class="crumb">
      <a href="/retention">Retention</a>
    </p>
    <h1>Legal hold</h1>
    {placed ? (
      <NoticeBox kind="good">
        The hold is in force: nothing that it covers is purged from now on. The objects themselves are put under the
        store's hold within the hour. {now === undefined ? null : <Text value={now} />}
      </NoticeBox>
    ) : null}
    {problem === undefined ? null : (
      <NoticeBox kind="error">
        <Text value={problem} />
      </NoticeBox>
    )}
    <p>
      <HoldState hold={hold} />
    </p>
    {coversNobody(hold) ? <NoticeBox kind="error">{COVERS_NOBODY}</NoticeBox> : null}
    <dl class="steps">
      <div>
        <dt>On</dt>
        <dd>
          <HoldScopeWords scope={hold.scope} />
          {hold.scope.of === 'sessions' ? <Named sessions={hold.scope.sessions} /> : null}
          {hold.scope.of === 'session' || hold.scope.of === 'sessions' ? null : (
            <span class="hint">What is recorded and stored later as well.</span>
          )}
        </dd>
      </div>
      <div>
        <dt>Covers</dt>
        <dd>
          <Covered hold={hold} />
          {hold.standing ? (
            <span class="hint">
              As of <Time iso={hold.standing.at} />. The hold itself stands against a purge from the moment it was
              placed.
            </span>
          ) : null}
        </dd>
      </div>
      <Step name="Placed" by={hold.placed.by} at={hold.placed.at} reason={hold.placed.reason} />
      {hold.lifting ? (
        <Step name="Lift asked for" by={hold.lifting.by} at={hold.lifting.at} reason={hold.lifting.reason} />
      ) : null}
      {hold.lifted ? <Step name="Lifted" by={hold.lifted.by} at={hold.lifted.at} /> : null}
      <div>
        <dt>Id</dt>
        <dd>
          <Mono value={hold.id} />
        </dd>
      </div>
    </dl>
    {hold.lifted ? null : <Lift hold={hold} email={email} reason={reason} />}
  </div>
);

const Named = ({ sessions }: { sessions: readonly string[] }) => (
  <details class="fold">
    <summary>Their ids</summary>
    <ul class="plain">
      {sessions.map((id) => (
        <li>
          <a href={to('sessions', id)}>
            <Mono value={id} />
          </a>
        </li>
      ))}
    </ul>
  </details>
);

const Step = ({ name, by, at, reason }: { name: string; by: string; at: string; reason?: string }) => (
  <div>
    <dt>{name}</dt>
    <dd>
      <Text value={by} />, <Time iso={at} />
      {reason === undefined ? null : (
        <span class="said">
          <Text value={reason} />
        </span>
      )}
    </dd>
  </div>
);

const Lift = ({ hold, email, reason }: { hold: Hold; email: string; reason: string }) => {
  const { lifting } = hold;
  if (lifting?.by === email)
    return (
      <NoticeBox kind="warning">
        You asked to lift it. It stays in force until somebody else agrees, on this page or with{' '}
        <code>gatehouse hold lift {hold.id}</code>.
      </NoticeBox>
    );
  return (
    <form method="post" action={`${holdAddress(hold.id)}/lift`} class="form">
      <h2>{lifting ? 'Do you agree to lift it?' : 'Lift it'}</h2>
      <p>
        {lifting
          ? 'Then it is lifted at once: what it kept and is due is purged with the next runs.'
          : 'That takes two people: you ask, and it stays in force until somebody else agrees.'}
      </p>
      {/* Whoever asks must not find that they agreed. */}
      <input type="hidden" name="step" value={lifting ? 'agree' : 'ask'} />
      <ReasonField value={reason} />
      <div class="form-end">
        <button type="submit" class="button button-danger">
          {lifting ? 'Agree, and lift it' : 'Ask to lift it'}
        </button>
        <a href="/retention">Leave it</a>
      </div>
    </form>
  );
};
