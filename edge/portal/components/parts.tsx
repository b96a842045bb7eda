// Small pieces that more than one page shows.

import type { Child } from 'hono/jsx';
import type { SessionEntry } from '../../../core/catalogue.ts';
import { Text } from './text.tsx';

type State =
  | SessionEntry['state']
  | 'online'
  | 'offline'
  | 'draining'
  | 'active'
  | 'expired'
  | 'revoked'
  | 'glass'
  | 'exempt'
  | 'contradicted'
  | 'ruleless'
  | 'unproven'
  | 'asking';

const STATE_WORDS: Readonly<Record<State, string>> = {
  live: 'Live',
  ended: 'Ended',
  sealed: 'Sealed',
  broken: 'Broken',
  online: 'Connector online',
  offline: 'Connector offline',
  draining: 'Connector stopping',
  active: 'Active',
  expired: 'Expired',
  revoked: 'Revoked',
  glass: 'Glass broken',
  exempt: 'Not recorded',
  contradicted: 'Row changed',
  ruleless: 'Rule gone',
  unproven: 'Not proven yet',
  asking: 'On approval',
};

export const Badge = ({ state }: { state: State }) => (
  <span class={`badge badge-${state}`}>
    <span class="dot" aria-hidden="true" />
    {STATE_WORDS[state]}
  </span>
);

export const ConnectorBadge = ({
  connector: { online, draining },
}: {
  connector: { readonly online: boolean; readonly draining?: boolean | undefined };
}) => <Badge state={online ? (draining ? 'draining' : 'online') : 'offline'} />;

export const Chip = ({ name, value }: { name: string; value: string }) => (
  <span class="chip">
    <span class="chip-name">{name}</span>
    <Text value={value} />
  </span>
);

/** A session's or grant's labels below its reason. */
export const LabelList = ({ task, trace }: { task: string | undefined; trace: string | undefined }) =>
  task || trace ? (
    <div class="chips">
      {task ? <Chip name="task" value={task} /> : null}
      {trace ? <Chip name="trace" value={trace} /> : null}
    </div>
  ) : null;

export const Empty = ({ title, children }: { title: string; children?: Child }) => (
  <div class="empty">
    <p class="empty-title">{title}</p>
    {children}
  </div>
);

export const NoticeBox = ({ kind, children }: { kind: 'error' | 'warning' | 'good' | 'plain'; children?: Child }) => (
  <div class={`notice notice-${kind}`} role={kind === 'error' ? 'alert' : 'status'}>
    {children}
  </div>
);

/** A line to paste. The button comes alive with the island; without it the text can be selected. */
export const Copyable = ({ id, text, label }: { id: string; text: string; label: string }) => (
  <div class="copyable">
    <pre class="paste" id={id}>
      {text}
    </pre>
    <button type="button" class="button button-quiet" data-copy={id} aria-label={`Copy ${label}`} hidden>
      Copy
    </button>
  </div>
);

/** Cells carry their column's name: on a phone each row becomes a card. Roles, since `display` would take them away. */
export const Table = ({ caption, columns, children }: { caption: string; columns: string[]; children?: Child }) => (
  <table class="table" {...{ role: 'table' }}>
    <caption class="unseen-label">{caption}</caption>
    <thead {...{ role: 'rowgroup' }}>
      <tr {...{ role: 'row' }}>
        {columns.map((column) => (
          <th scope="col" {...{ role: 'columnheader' }}>
            {column}
          </th>
        ))}
      </tr>
    </thead>
    <tbody {...{ role: 'rowgroup' }}>{children}</tbody>
  </table>
);

export const Row = ({ children, class: name }: { children?: Child; class?: string }) => (
  <tr {...{ role: 'row' }} class={name}>
    {children}
  </tr>
);

export const Cell = ({ label, children, class: name }: { label: string; children?: Child; class?: string }) => (
  <td {...{ role: 'cell' }} data-label={label} class={name}>
    {children}
  </td>
);

/** One further page, and the way back to the first. */
export const Pager = ({
  path,
  query,
  cursor,
  next,
  words = { first: 'Newest', next: 'Older' },
}: {
  path: string;
  query: Record<string, string | undefined>;
  /** Where this page began; undefined on the first. */
  cursor: string | undefined;
  next: string | undefined;
  words?: { first: string; next: string };
}) =>
  cursor === undefined && next === undefined ? null : (
    <nav class="pager" aria-label="Pages">
      {cursor === undefined ? null : (
        <a class="button button-quiet" href={address(path, query)}>
          {words.first}
        </a>
      )}
      {next === undefined ? null : (
        <a class="button button-quiet" rel="next" href={address(path, { ...query, cursor: next })}>
          {words.next}
        </a>
      )}
    </nav>
  );

export function address(path: string, query: Record<string, string | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== '') search.set(name, value);
  return search.size === 0 ? path : `${path}?${search}`;
}

/** An address below the portal with a name in it. */
export const to = (...segments: string[]): string => `/${segments.map(encodeURIComponent).join('/')}`;
