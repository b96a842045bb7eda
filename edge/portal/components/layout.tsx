// The frame around every page: head, navigation, landmarks.

import type { Child } from 'hono/jsx';
import type { Me } from '../../../core/api.ts';
import type { ReplayKind } from '../../../core/protocols.ts';
import { onLines } from '../../../core/text/written-text.ts';
import { Text } from './text.tsx';

export type Theme = 'auto' | 'light' | 'dark';

/** What the frame needs to know; `me` is undefined before sign-in. */
export interface Shell {
  readonly me: Me | undefined;
  readonly theme: Theme;
  /** Path and query of this page. */
  readonly path: string;
  readonly assetVersion: string;
}

interface LayoutProps {
  shell: Shell;
  title: string;
  /** The player is loaded only where there is one. */
  player?: ReplayKind | undefined;
  children?: Child;
}

export const Layout = ({ shell, title, player, children }: LayoutProps) => {
  const asset = (name: string) => `/assets/${name}${shell.assetVersion ? `?v=${shell.assetVersion}` : ''}`;
  return (
    <html lang="en" data-theme={shell.theme}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="same-origin" />
        <title>{onLines(title)} · Gatehouse</title>
        <link rel="icon" href={asset('favicon.svg')} type="image/svg+xml" />
        <link rel="stylesheet" href={asset('portal-style.css')} />
        <script type="module" src={asset('portal.js')} />
        {player ? <script type="module" src={asset(`player-${player}.js`)} /> : null}
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to content
        </a>
        <header class="top">
          <div class="top-inner">
            <a class="brand" href="/">
              <GateMark />
              Gatehouse
            </a>
            {shell.me ? <Navigation me={shell.me} path={shell.path} /> : null}
            <div class="top-end">
              <ThemeForm shell={shell} />
              {shell.me ? <Account me={shell.me} /> : null}
            </div>
          </div>
        </header>
        <main id="main" tabindex={-1}>
          {children}
        </main>
        <footer class="foot">
          <p>Sessions through Gatehouse are recorded, and every view of a recording is audited.</p>
        </footer>
        <p class="unseen-label" aria-live="polite" id="announcer" />
      </body>
    </html>
  );
};

const GateMark = () => (
  <svg class="mark" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" focusable="false">
    <path
      d="M3 21V10a9 9 0 0 1 18 0v11h-4V10.5a5 5 0 0 0-10 0V21zM11 12h2v9h-2z"
      fill="currentColor"
      fill-rule="evenodd"
    />
  </svg>
);

const Navigation = ({ me, path }: { me: Me; path: string }) => {
  const at = path.split(/[?#]/, 1)[0] ?? path;
  const entries = [
    { href: '/', name: 'Overview', here: at === '/' || at.startsWith('/request/') },
    { href: '/approvals', name: 'Approvals', here: at === '/approvals' || at.startsWith('/requests/') },
    { href: '/grants', name: 'Grants', here: at.startsWith('/grants') },
    { href: '/keys', name: 'SSH keys', here: at.startsWith('/keys') },
    { href: '/sessions', name: 'Sessions', here: at.startsWith('/sessions') },
    { href: '/search', name: 'Search', here: at === '/search' },
    ...(me.auditor || me.administrator
      ? [
          { href: '/retention', name: 'Retention', here: at.startsWith('/retention') || at.startsWith('/purges') },
          { href: '/policy', name: 'Policy', here: at === '/policy' },
        ]
      : []),
    ...(me.auditor ? [{ href: '/audit', name: 'Audit', here: at.startsWith('/audit') }] : []),
    ...(me.administrator ? [{ href: '/people', name: 'People', here: at.startsWith('/people') }] : []),
    { href: '/connectors', name: 'Connectors', here: at.startsWith('/connectors') },
  ];
  return (
    <nav class="nav" aria-label="Main">
      <ul>
        {entries.map((entry) => (
          <li>
            <a href={entry.href} {...(entry.here ? { 'aria-current': 'page' } : {})}>
              {entry.name}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
};

const THEME_NEXT: Readonly<Record<Theme, { to: Theme; words: string }>> = {
  auto: { to: 'dark', words: 'Colours follow the system. Switch to dark' },
  dark: { to: 'light', words: 'Colours are dark. Switch to light' },
  light: { to: 'auto', words: 'Colours are light. Follow the system' },
};

/** A form, so that it works without scripts; an island spares the reload. */
const ThemeForm = ({ shell }: { shell: Shell }) => (
  <form method="post" action="/theme" data-theme-form>
    <input type="hidden" name="return" value={shell.path} />
    <button
      type="submit"
      class="icon-button"
      name="theme"
      value={THEME_NEXT[shell.theme].to}
      aria-label={THEME_NEXT[shell.theme].words}
      title={THEME_NEXT[shell.theme].words}
    >
      <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true" focusable="false">
        <circle cx="12" cy="12" r="8" fill="none" stroke="currentColor" stroke-width="2" />
        <path d="M12 4a8 8 0 0 1 0 16z" fill="currentColor" />
      </svg>
    </button>
  </form>
);

const Account = ({ me }: { me: Me }) => (
  <details class="account">
    <summary>
      <span class="account-email">
        <Text value={me.identity.email} />
      </span>
    </summary>
    <div class="account-box">
      <p>
        <Text value={me.identity.name} />
      </p>
      <p class="dim">
        Signed in through <Text value={me.identity.provider} />
        {me.administrator ? ' · administrator' : ''}
        {me.auditor ? ' · auditor' : ''}
      </p>
      <form method="post" action="/logout">
        <button type="submit" class="button button-quiet">
          Sign out
        </button>
      </form>
    </div>
  </details>
);
