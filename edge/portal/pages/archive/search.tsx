import type { SearchHit, SearchPage } from '../../../../core/search/page.ts';
import { MAX_QUERY, queryHint, type QueryMistake } from '../../../../core/search/parse.ts';
import { showBytes, took } from '../../../../core/text/amounts.ts';
import { address, Empty, NoticeBox, Pager, to } from '../../components/parts.tsx';
import { Offset, Text, Time } from '../../components/text.tsx';
import { OutcomeBadge } from '../../components/verdict.tsx';
import { answered } from '../../format.ts';
import { Highlighted } from './highlighted.tsx';
import { Examples, SearchHelp } from './search-help.tsx';

/** What came of a query; missing: nothing was asked yet. */
export type SearchAnswer =
  | { readonly kind: 'found'; readonly page: SearchPage; readonly limit: number }
  | { readonly kind: 'mistake'; readonly mistake: QueryMistake }
  | { readonly kind: 'refused'; readonly message: string };

interface SearchPageProps {
  query: string;
  cursor: string | undefined;
  answer: SearchAnswer | undefined;
  /** The reader's own address, for the examples. */
  email: string;
  auditor: boolean;
  /** Whether the reader may place legal holds. */
  mayHold: boolean;
}

export const SearchResultsPage = ({ query, cursor, answer, email, auditor, mayHold }: SearchPageProps) => (
  <>
    <h1>Search</h1>
    <SearchForm query={query} focused={answer === undefined} />
    <SearchHelp email={email} />
    {answer === undefined ? (
      <Examples email={email} auditor={auditor} />
    ) : (
      <section aria-label="What was found" class="found">
        <Answer answer={answer} query={query} cursor={cursor} />
        {mayHold && answer.kind === 'found' && answer.page.hits.length > 0 ? (
          <HoldThese hits={answer.page.hits} />
        ) : null}
      </section>
    )}
  </>
);

const SearchForm = ({ query, focused }: { query: string; focused: boolean }) => (
  <search aria-label="Search recordings">
    <form method="get" action="/search" class="search-form">
      <label class="unseen-label" for="q">
        Words, phrases and fields
      </label>
      <input
        id="q"
        name="q"
        value={query}
        maxlength={MAX_QUERY}
        required
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        enterkeyhint="search"
        placeholder="What was written or run, such as: drop table"
        {...(focused ? { autofocus: true } : {})}
      />
      <button type="submit" class="button button-main">
        Search
      </button>
    </form>
  </search>
);

const Answer = ({ answer, query, cursor }: { answer: SearchAnswer; query: string; cursor: string | undefined }) => {
  switch (answer.kind) {
    case 'mistake':
      return <Mistake query={query} mistake={answer.mistake} />;
    case 'refused':
      return (
        <NoticeBox kind="error">
          <Text value={answer.message} />
        </NoticeBox>
      );
    case 'found':
      return <Found {...answer} query={query} cursor={cursor} />;
  }
};

/** The sessions of this page of hits, as they are named when a hold is placed on them. */
const HoldThese = ({ hits }: { hits: readonly SearchHit[] }) => {
  const sessions = [...new Set(hits.map(({ session }) => session))];
  return (
    <p class="hint">
      <a href={address('/retention/holds/new', { session: sessions.join(' ') })}>
        Place a legal hold on {sessions.length === 1 ? 'this session' : `these ${sessions.length} sessions`}
      </a>
    </p>
  );
};

const Mistake = ({ query, mistake: { message, from, to: end } }: { query: string; mistake: QueryMistake }) => (
  <NoticeBox kind="error">
    <p>
      <Text value={message} />
    </p>
    <p class="query-again">
      <code>
        <Highlighted text={query === '' ? ' ' : query} marks={[[from, Math.max(end, from + 1)]]} />
      </code>
    </p>
  </NoticeBox>
);

const Found = ({
  page: { hits, cursor: next, incomplete },
  limit,
  query,
  cursor,
}: {
  page: SearchPage;
  limit: number;
  query: string;
  cursor: string | undefined;
}) => {
  // One request looks through so much and no more: a page may come short and lead on.
  const short = next !== undefined && hits.length < limit;
  // The moment makes no difference to what a hint is about.
  const hint = queryHint(query, 0);
  return (
    <>
      {hits.length === 0 ? (
        <Nothing isMore={short} isFirst={cursor === undefined} />
      ) : (
        <ol class="hits">
          {hits.map((hit) => (
            <Hit hit={hit} />
          ))}
        </ol>
      )}
      {short && hits.length > 0 ? (
        <p class="hint">That is all among what one search looks through. Older sessions have not been looked at yet.</p>
      ) : null}
      {hint === undefined || cursor !== undefined ? null : <p class="hint">{hint}</p>}
      {incomplete ? <p class="hint">The catalogue is being made again: hits may be missing here.</p> : null}
      <Pager
        path="/search"
        query={{ q: query }}
        cursor={cursor}
        next={next}
        words={{ first: 'Newest', next: short ? 'Look further back' : 'Older' }}
      />
    </>
  );
};

const Nothing = ({ isMore, isFirst }: { isMore: boolean; isFirst: boolean }) =>
  isMore ? (
    <Empty title="Nothing yet">
      <p>Nothing among what one search looks through, the newest first. Older sessions have not been looked at yet.</p>
    </Empty>
  ) : isFirst ? (
    <Empty title="Nothing that you may view matches">
      <ul class="bullets">
        <li>
          All words must stand in one statement, command or file name. <code>or</code> between them finds either.
        </li>
        <li>
          Words are found whole: <code>ord*</code> finds all that begin so.
        </li>
        <li>What a mask hid is not in the recording, so it is not found. What just happened takes some seconds.</li>
      </ul>
    </Empty>
  ) : (
    <Empty title="Nothing older matches" />
  );

const KINDS: Readonly<Record<SearchHit['kind'], string>> = {
  statement: 'Statement',
  command: 'Command',
  exchange: 'Exchange',
  file: 'File',
  notice: 'Notice',
  lane: 'Channel opened',
};

const Hit = ({ hit }: { hit: SearchHit }) => {
  const { action, kind, verdict, durationUs, cutBytes } = hit;
  return (
    <li class="hit">
      <div class="hit-head">
        <a class="hit-where" href={momentOf(hit)}>
          <Text value={hit.email} /> <span class="dim">on</span> <span class="resource-name">{hit.resource}</span>
        </a>
        <span class="hit-when">
          <Time iso={hit.at} />
        </span>
      </div>
      <pre class="sql hit-text" dir="ltr">
        <code>
          <Highlighted text={hit.snippet} marks={hit.marks} />
        </code>
      </pre>
      <p class="hit-facts">
        <span>
          {KINDS[kind]}
          {action === undefined ? '' : ` ${action}`} <Offset us={hit.moment * 1_000_000} />
        </span>
        {verdict === undefined ? null : <OutcomeBadge outcome={verdict} />}
        {answerOf(hit).map((word) => (
          <span>
            <Text value={word} />
          </span>
        ))}
        {durationUs === undefined ? null : <span>{took(durationUs)}</span>}
        {cutBytes === undefined ? null : <span>beginning of {showBytes(cutBytes)}</span>}
      </p>
    </li>
  );
};

const answerOf = ({ kind, outcome, rows }: SearchHit): readonly string[] => {
  const outcomes = outcome === undefined ? [] : outcome.split(', ');
  return kind === 'statement' ? answered(outcomes, rows) : outcomes;
};

/** Its session, with the player at the moment and the list at the action. */
const momentOf = ({ session, moment, kind, action }: SearchHit): string =>
  `${to('sessions', session)}?at=${moment}${action === undefined ? '' : `#${kind}-${action}`}`;
