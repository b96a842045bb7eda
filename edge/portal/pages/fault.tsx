import type { WitnessedPurge } from '../../../core/retention/purge.ts';
import { address } from '../components/parts.tsx';
import { Text, Time } from '../components/text.tsx';

/** `next`: where no message says more. `beside`: what the message cannot know. */
const WORDS: Readonly<Record<number, { title: string; next: string; beside?: string }>> = {
  400: { title: 'That was not understood', next: 'Go back, check what you entered, and try again.' },
  403: {
    title: 'This is not for you to see or do',
    next: 'If you need it, ask an administrator to add a rule for you.',
  },
  404: {
    title: 'There is nothing here',
    next: 'The address may be mistyped, or it names something you may not see.',
  },
  409: {
    title: 'That changed in the meantime',
    next: 'Open the page again to see how things stand now.',
    beside: 'Open the page again to see how things stand now.',
  },
  429: { title: 'That was a little fast', next: 'Wait a minute and try again.' },
  500: {
    title: 'Something went wrong on our side',
    next: 'Nothing you entered was lost on purpose. Try again; if it stays, tell an administrator when it happened.',
  },
  503: {
    title: 'A part of Gatehouse does not answer just now',
    next: 'Sessions that are running go on and are recorded. Try again in a moment.',
    beside: 'Sessions that are running go on and are recorded.',
  },
};

export const FaultPage = ({ status, message }: { status: number; message?: string }) => {
  const words = WORDS[status] ?? { title: 'Something went wrong', next: 'Try again in a moment.' };
  const next = message ? words.beside : words.next;
  return (
    <div class="narrow fault">
      <p class="fault-status">{status}</p>
      <h1>{words.title}</h1>
      {message ? (
        <p class="lead">
          <Text value={message} />
        </p>
      ) : null}
      {next === undefined ? null : <p>{next}</p>}
      <p>
        <a class="button" href="/">
          To the overview
        </a>
      </p>
    </div>
  );
};

/** For whoever may have what they ask for, once they sign in as its rule wants. */
export const StepUpPage = ({ message, rule, back }: { message: string; rule: string; back: string }) => (
  <div class="narrow fault">
    <h1>Sign in again</h1>
    <p class="lead">
      <Text value={message} />
    </p>
    <p>
      <a class="button" href={address('/login', { step_up: rule, return: back })}>
        Sign in again
      </a>
    </p>
  </div>
);

/** For whoever may know that there was such a session. */
export const PurgedPage = ({ purged: { at, audit }, auditor }: { purged: WitnessedPurge; auditor: boolean }) => (
  <div class="narrow fault">
    <p class="fault-status">404</p>
    <h1>This session was purged</h1>
    <p class="lead">
      At <Time iso={at} />, as entry {auditor ? <AuditEntryLink audit={audit} /> : audit} of the audit log ordered.
      Nothing of it is stored.
    </p>
    <p>The audit log keeps its digests, its rule and who ordered it.</p>
    <p>
      <a class="button" href="/">
        To the overview
      </a>
    </p>
  </div>
);

/** The log with that entry first. */
const AuditEntryLink = ({ audit }: { audit: number }) => (
  <a href={address('/audit', { cursor: String(audit + 1) })}>{audit}</a>
);

export const SignedOutPage = () => (
  <div class="narrow fault">
    <h1>You are signed out</h1>
    <p class="lead">Grants you hold stay valid until they end or you revoke them; running sessions go on.</p>
    <p>
      <a class="button" href="/login?return=%2F">
        Sign in again
      </a>
    </p>
  </div>
);
