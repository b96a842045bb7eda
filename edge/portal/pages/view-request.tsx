import type { RecordingTerms } from '../../../core/api.ts';
import type { RecordingKind } from '../../../core/approval/approval.ts';
import { actionsOf } from '../../../core/protocols.ts';
import { capital } from '../../../core/text/capital.ts';
import { span, took } from '../../../core/text/amounts.ts';
import { CommandLine } from '../components/command-line.tsx';
import { Badge, LabelList, NoticeBox, to } from '../components/parts.tsx';
import { SessionMarks } from '../components/session-table.tsx';
import { Text, Time } from '../components/text.tsx';
import { TimeLeft } from '../components/time-left.tsx';

const MINUTES: readonly number[] = [10, 15, 30, 60, 2 * 60, 4 * 60, 8 * 60];

interface ViewRequestProps {
  terms: RecordingTerms;
  kind: RecordingKind;
  now: number;
  reason?: string;
  problem?: string;
}

const WORDS = {
  view: {
    lead: 'Somebody has to agree before you watch this session. You see that it was, and nothing of what was done in it.',
    why: 'Why do you want to watch it?',
    ask: 'Ask to watch it',
    may: 'You may watch it',
  },
  unlock: {
    lead: 'Where its rule says so, what was masked in this session is kept, sealed to keys that the rule names. It is handed out when two people agree, and each time is in the audit log.',
    why: 'Why do you need the originals?',
    ask: 'Ask for the originals',
    may: 'You may fetch them',
  },
} as const satisfies Record<RecordingKind, unknown>;

/** In place of a session, for whoever has to ask first. */
export const ViewRequestPage = ({ terms, kind, now, reason = '', problem }: ViewRequestProps) => {
  const { session, from, count, longestSeconds, decideWithinSeconds, waiting, approved } = terms;
  const words = WORDS[kind];
  const path = to('sessions', session.id);
  return (
    <div class="narrow">
      <p class="crumb">
        <a href="/sessions">Sessions</a>
      </p>
      <h1>
        {kind === 'unlock' ? 'Originals of ' : null}
        <Text value={session.email} /> <span class="dim">on</span> <span class="resource-name">{session.resource}</span>
      </h1>
      <p>
        <Badge state={session.state} />
        <SessionMarks session={session} now={now} />
      </p>
      <p class="lead">{words.lead}</p>
      <dl class="facts facts-small">
        <div>
          <dt>Started</dt>
          <dd>
            <Time iso={session.startedAt} />
          </dd>
        </div>
        <div>
          <dt>{session.endedAt ? 'Lasted' : 'Running for'}</dt>
          <dd>
            {took(((session.endedAt ? Date.parse(session.endedAt) : now) - Date.parse(session.startedAt)) * 1000)}
          </dd>
        </div>
        <div>
          <dt>{capital(actionsOf([session.protocol]))}</dt>
          <dd>{session.counts.actions.toLocaleString('en')}</dd>
        </div>
        <div>
          <dt>Rule</dt>
          <dd>
            <code>{session.rule}</code>
          </dd>
        </div>
      </dl>
      <LabelList task={session.task} trace={session.trace} />
      {problem === undefined ? null : (
        <NoticeBox kind="error">
          <Text value={problem} />
        </NoticeBox>
      )}
      {approved ? (
        <>
          <NoticeBox kind="good">
            {words.may} until <Time iso={approved.until} />: <TimeLeft until={approved.until} now={now} /> left.
          </NoticeBox>
          {kind === 'unlock' ? (
            <>
              <p>They stay sealed until they are on the machine of somebody who has one of the keys:</p>
              <CommandLine
                id="original"
                args={`original ${session.id} --identity FILE`}
                label="the line that fetches the originals"
              />
            </>
          ) : null}
          <p class="form-end">
            {kind === 'view' ? (
              <a class="button button-main" href={path}>
                Watch it
              </a>
            ) : null}
            <a href={to('requests', approved.id)}>See the request</a>
          </p>
        </>
      ) : waiting ? (
        <>
          <NoticeBox kind="plain">
            You have asked, and it waits for {count === 1 ? 'somebody' : `${count} people`} to agree.
          </NoticeBox>
          <p class="form-end">
            <a class="button" href={to('requests', waiting.id)}>
              See your request
            </a>
          </p>
        </>
      ) : (
        <form method="post" action={`${path}/${kind}`} class="form">
          <div class="field">
            <label for="reason">{words.why}</label>
            <textarea id="reason" name="reason" rows={3} maxlength={1000} required aria-describedby="reason-hint">
              {reason}
            </textarea>
            <p class="hint" id="reason-hint">
              {count === 1 ? 'One' : count} of{' '}
              <Text value={from.map((name) => name.replace(/^user:/, '')).join(', ')} />{' '}
              {count === 1 ? 'has to agree' : 'have to agree'} within {span(decideWithinSeconds * 1000)}; they read
              this, and it stays in the audit log.
            </p>
          </div>
          <div class="field">
            <label for="minutes">For how long?</label>
            <select id="minutes" name="minutes">
              <option value="">{span(longestSeconds * 1000)}, the longest</option>
              {MINUTES.filter((minutes) => minutes * 60 < longestSeconds).map((minutes) => (
                <option value={String(minutes)}>{span(minutes * 60_000)}</option>
              ))}
            </select>
          </div>
          <div class="form-end">
            <button type="submit" class="button button-main">
              {words.ask}
            </button>
            <a href="/sessions">Back to the sessions</a>
          </div>
        </form>
      )}
    </div>
  );
};
