import { MAX_QUERY } from '../../../core/search/parse.ts';
import type { SessionPage } from '../../../core/catalogue.ts';
import { address, Empty, Pager } from '../components/parts.tsx';
import { SessionTable } from '../components/session-table.tsx';

/** The filters as they stand in the address. `since`: one of SINCE, or a moment in ISO 8601. */
interface SessionFilters {
  email: string;
  resource: string;
  since: string;
  task: string;
  trace: string;
}

export const SINCE: readonly { value: string; words: string; ms: number }[] = [
  { value: '1h', words: 'the last hour', ms: 3_600_000 },
  { value: '24h', words: 'the last 24 hours', ms: 86_400_000 },
  { value: '7d', words: 'the last 7 days', ms: 7 * 86_400_000 },
  { value: '30d', words: 'the last 30 days', ms: 30 * 86_400_000 },
];

interface SessionsPageProps {
  page: SessionPage;
  filters: SessionFilters;
  cursor: string | undefined;
  now: number;
}

export const SessionsPage = ({ page, filters, cursor, now }: SessionsPageProps) => (
  <>
    <div class="section-head">
      <h1>Sessions</h1>
      <search aria-label="Search in sessions">
        <form method="get" action="/search" class="search-form search-small">
          <label class="unseen-label" for="q">
            What was written or run in them
          </label>
          <input
            id="q"
            name="q"
            maxlength={MAX_QUERY}
            required
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            enterkeyhint="search"
            placeholder="What was written or run"
          />
          <button type="submit" class="button">
            Search
          </button>
        </form>
      </search>
    </div>
    <p class="dim">
      <a href="/shares">Shared links</a>
    </p>
    <search aria-label="Filter sessions">
      <form method="get" action="/sessions" class="filters">
        <Filter name="email" label="Person" value={filters.email} placeholder="alice@example.com" />
        <Filter name="resource" label="Resource" value={filters.resource} />
        <div class="field">
          <label for="since">Started in</label>
          <select id="since" name="since">
            <option value="">any time</option>
            {SINCE.map(({ value, words }) => (
              <option value={value} {...(filters.since === value ? { selected: true } : {})}>
                {words}
              </option>
            ))}
            {filters.since !== '' && !SINCE.some(({ value }) => value === filters.since) ? (
              <option value={filters.since} selected>
                since {filters.since}
              </option>
            ) : null}
          </select>
        </div>
        <Filter name="task" label="Task" value={filters.task} />
        <Filter name="trace" label="Trace" value={filters.trace} />
        <div class="filters-end">
          <button type="submit" class="button">
            Show
          </button>
          {isFiltered(filters) ? <a href="/sessions">Clear</a> : null}
        </div>
      </form>
    </search>
    <SessionsFragment page={page} filters={filters} cursor={cursor} now={now} />
  </>
);

/** The list alone; the first page keeps itself fresh. */
export const SessionsFragment = ({ page, filters, cursor, now }: SessionsPageProps) => (
  <div
    id="session-list"
    {...(cursor === undefined
      ? { 'data-live': address('/sessions', { ...filters, fragment: '1' }), 'data-live-every': '5000' }
      : {})}
  >
    {page.incomplete ? <p class="dim">The catalogue is being made again: sessions may be missing here.</p> : null}
    {page.sessions.length === 0 ? (
      isFiltered(filters) || cursor !== undefined ? (
        <Empty title="No session matches">
          <p>
            Loosen a filter, or <a href="/sessions">show all</a>.
          </p>
        </Empty>
      ) : (
        <Empty title="No sessions yet">
          <p>
            <a href="/">Ask for access</a> and connect with your usual client. What happens then shows up here within
            seconds.
          </p>
        </Empty>
      )
    ) : (
      <SessionTable sessions={page.sessions} caption="Sessions, newest first" now={now} />
    )}
    <Pager path="/sessions" query={{ ...filters }} cursor={cursor} next={page.cursor} />
  </div>
);

const isFiltered = (filters: SessionFilters): boolean => Object.values(filters).some((value) => value !== '');

const Filter = (props: { name: string; label: string; value: string; placeholder?: string }) => (
  <div class="field">
    <label for={props.name}>{props.label}</label>
    <input
      id={props.name}
      name={props.name}
      value={props.value}
      maxlength={200}
      autocomplete="off"
      autocapitalize="none"
      spellcheck={false}
      {...(props.placeholder ? { placeholder: props.placeholder } : {})}
    />
  </div>
);
