// The query language in short, and queries to begin with. All of it: docs/search.md.

import { address } from '../../components/parts.tsx';
import { Text } from '../../components/text.tsx';

const Ask = ({ q }: { q: string }) => (
  <a class="query" href={address('/search', { q })}>
    <code>
      <Text value={q} />
    </code>
  </a>
);

const SYNTAX = (email: string): readonly { q: string; words: string }[] => [
  { q: 'drop orders', words: 'both words, anywhere in one statement, command or path' },
  { q: '"drop table"', words: 'these words, one behind the other' },
  { q: 'cust*', words: 'words that begin so' },
  { q: 'orders -select', words: 'the first, and not the second' },
  { q: 'drop or truncate', words: 'either; parentheses group' },
  { q: `user:${email}`, words: 'by this person; all before the @ is enough' },
  { q: 'resource:demo', words: 'on this resource; protocol: is alike' },
  { q: 'verdict:refused', words: 'warned, refused, held, approved, denied, expired, withdrawn, failed, allowed' },
  { q: 'error:*', words: 'that failed; or with one code, exit status or signal: error:42P01' },
  { q: 'table:customers', words: 'statements that name the table' },
  { q: 'rows:>1000', words: 'rows sent or changed: rows:0, rows:10..20' },
  { q: 'duration:>5s', words: 'how long it took: us, ms, s, m, h, d' },
  { q: 'since:2h', words: 'how long ago, today, yesterday, a day or a time, in UTC; until: is alike' },
];

export const SearchHelp = ({ email }: { email: string }) => (
  <details class="search-help">
    <summary>How to ask</summary>
    <div class="search-help-box">
      <dl class="syntax">
        {SYNTAX(email).map(({ q, words }) => (
          <div>
            <dt>
              <Ask q={q} />
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      <p class="hint">
        <code>task:</code> and <code>trace:</code> find labels. Case, accents and <code>_ - .</code> make no difference:{' '}
        <code>order_items</code> and <code>orderItems</code> are the same words. A value with spaces stands in quotes.
      </p>
    </div>
  </details>
);

export const Examples = ({ email, auditor }: { email: string; auditor: boolean }) => (
  <section aria-labelledby="examples" class="examples">
    <p class="lead">
      Finds statements, commands, lines typed at terminals, files and notices in{' '}
      {auditor ? 'all sessions' : 'the sessions you may view'}, as they were recorded. Each search is in the audit log.
    </p>
    <h2 id="examples">To begin with</h2>
    <ul class="example-list">
      {[
        { q: 'since:7d verdict:refused or verdict:denied', words: 'What the policy turned away this week' },
        { q: 'drop or truncate or "delete from" or "rm -rf"', words: 'What takes something away' },
        { q: 'since:24h rows:>1000', words: 'Much that was read or changed since yesterday' },
        { q: 'since:24h error:*', words: 'What failed since yesterday' },
        { q: `user:${email} since:7d`, words: 'What you did this week' },
      ].map(({ q, words }) => (
        <li>
          <span>{words}</span>
          <Ask q={q} />
        </li>
      ))}
    </ul>
  </section>
);
