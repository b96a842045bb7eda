import type { ListedResource } from '../../../../core/api.ts';
import { NoticeBox } from '../../components/parts.tsx';
import { Text } from '../../components/text.tsx';
import { ReasonField } from './reason-field.tsx';

export const HOLD_KINDS = ['session', 'user', 'resource', 'time'] as const;

/** As it was sent. */
export interface HoldForm {
  of: (typeof HOLD_KINDS)[number];
  session: string;
  email: string;
  resource: string;
  since: string;
  until: string;
  reason: string;
}

const KIND_WORDS: Readonly<Record<HoldForm['of'], string>> = {
  session: 'Sessions',
  user: 'A person',
  resource: 'A resource',
  time: 'A time',
};

interface PlaceHoldProps {
  form: HoldForm;
  resources: readonly ListedResource[];
  problem?: string;
}

export const PlaceHoldPage = ({ form, resources, problem }: PlaceHoldProps) => (
  <div class="narrow">
    <p class="crumb">
      <a href="/retention">Retention</a>
    </p>
    <h1>Place a legal hold</h1>
    <p class="lead">
      Nothing that it covers is purged, from now until two people lift it: not when its time is over, and not before.
    </p>
    {problem === undefined ? null : (
      <NoticeBox kind="error">
        <Text value={problem} />
      </NoticeBox>
    )}
    <form method="post" action="/retention/holds/new" class="form hold-form">
      <fieldset class="choice">
        <legend>What it is on</legend>
        <div class="choices">
          {HOLD_KINDS.map((kind) => (
            <label class="check">
              <input
                type="radio"
                name="of"
                value={kind}
                id={`of-${kind}`}
                {...(form.of === kind ? { checked: true } : {})}
              />{' '}
              {KIND_WORDS[kind]}
            </label>
          ))}
        </div>
      </fieldset>
      {/* The style sheet shows what goes with the choice. */}
      <div class="field of-session">
        <label for="session">
          Their ids <span class="dim">one or more, as the session's page has it</span>
        </label>
        <textarea id="session" name="session" rows={2} autocomplete="off" spellcheck={false} class="mono">
          {form.session}
        </textarea>
      </div>
      <div class="field of-user">
        <label for="email">
          Their address <span class="dim">all their sessions, and those to come</span>
        </label>
        <input id="email" name="email" maxlength={320} autocomplete="off" autocapitalize="none" value={form.email} />
      </div>
      <div class="field of-resource">
        <label for="resource">
          Its name <span class="dim">all sessions on it, and those to come</span>
        </label>
        <input
          id="resource"
          name="resource"
          maxlength={200}
          autocomplete="off"
          autocapitalize="none"
          list="resource-names"
          value={form.resource}
        />
        <datalist id="resource-names">
          {resources.map(({ name }) => (
            <option value={name} />
          ))}
        </datalist>
      </div>
      <div class="field-pair of-time">
        <div class="field">
          <label for="since">
            From <span class="dim">UTC</span>
          </label>
          <input id="since" name="since" type="datetime-local" value={form.since} />
        </div>
        <div class="field">
          <label for="until">
            Until <span class="dim">UTC</span>
          </label>
          <input id="until" name="until" type="datetime-local" value={form.until} />
        </div>
        <p class="hint">Whatever ran at any moment between them, though it began before or ended later.</p>
      </div>
      <ReasonField value={form.reason} />
      <div class="form-end">
        <button type="submit" class="button button-main">
          Place the hold
        </button>
        <a href="/retention">Leave it</a>
      </div>
    </form>
  </div>
);
